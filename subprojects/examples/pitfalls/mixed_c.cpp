// SPDX-License-Identifier: BSL-1.0
// Another race: two processes write messages of 6000 bytes into one pipe. Only up to PIPE_BUF (4096) bytes does a write stay
// in one piece; what is read are messages of which one half is the one's and the other half the other's. Compare mixed.cpp.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <initializer_list>

int main() {
    char message[6000];
    int ends[2];
    if (pipe(ends) == -1) return perror("pipe"), 1;
    for (const char letter : {'a', 'b'}) {
        if (fork() == 0) {
            memset(message, letter, sizeof message);
            for (int i = 0; i < 2000; ++i) {
                if (write(ends[1], message, sizeof message) != sizeof message) _exit(1);
            }
            _exit(0);
        }
    }
    close(ends[1]);
    int whole = 0;
    int mixed = 0;
    for (size_t filled = 0;;) {
        const ssize_t size = read(ends[0], message + filled, sizeof message - filled);
        if (size <= 0) break;
        filled += static_cast<size_t>(size);
        if (filled < sizeof message) continue;
        filled = 0;
        memchr(message, message[0] == 'a' ? 'b' : 'a', sizeof message) == nullptr ? ++whole : ++mixed;
    }
    while (wait(nullptr) > 0) {}
    printf("%d whole, %d mixed\n", whole, mixed);
    return mixed == 0 ? 0 : 1;
}
