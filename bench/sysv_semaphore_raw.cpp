// SPDX-License-Identifier: BSL-1.0
/// P and V as a careful C program has them: semop(2), again after EINTR, every other error told. See `sysv_semaphore`.

#include <sys/ipc.h>
#include <sys/sem.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace {

void operate(int id, short change) {
    ::sembuf operation = {0, change, SEM_UNDO};
    while (::semop(id, &operation, 1) == -1) {
        if (errno != EINTR) {
            std::perror("semop");
            std::exit(1);
        }
    }
}

}  // namespace

int main(int count, char** words) {
    const unsigned long turns = count == 2 ? std::strtoul(words[1], nullptr, 10) : 0;
    const int id = ::semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    if (id == -1) {
        std::perror("semget");
        return 1;
    }
    operate(id, 1);
    for (unsigned long i = 0; i < turns; ++i) {
        operate(id, -1);
        operate(id, 1);
    }
    if (::semctl(id, 0, IPC_RMID) == -1) {
        std::perror("semctl");
        return 1;
    }
    return 0;
}
