// SPDX-License-Identifier: BSL-1.0
// A System V semaphore, key 9999: parent and child take turns in a critical section. The parent makes the semaphore,
// starts the child, and does what the child does.
//
//     sysv_semaphore-parent sysv_semaphore-child
//
// The C program calls semget, semctl(SETVAL) and semop with a struct sembuf and a union semun. What can no longer go
// wrong:
//   - the semaphore is born with its one permit: nobody gets hold of it between semget and SETVAL;
//   - no way out of the section forgets the V: return, break and exceptions all pass the end of the guard's scope;
//   - a holder that is killed, even inside the section, gives its permit back (SEM_UNDO): the others go on;
//   - an interrupting signal does not let anybody into the section who has not got the permit (EINTR);
//   - the last one out removes the semaphore, also after an error.

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>  // environ

#include <cstdio>
#include <exception>
#include <system_error>

#include "turns.hpp"

int main(int argc, char** argv) try {
    char default_child[] = "./child";
    char* const child[] = {argc > 1 ? argv[1] : default_child, nullptr};

    auto semaphore = tenon::SysvSemaphore::open_or_create(turns_key, tenon::Permits{1});

    pid_t pid = 0;
    if (const int error = posix_spawn(&pid, child[0], nullptr, nullptr, child, environ)) {
        throw std::system_error{error, std::generic_category(), child[0]};
    }
    take_turns("parent", semaphore);

    int status = 0;
    if (waitpid(pid, &status, 0) == -1) throw std::system_error{errno, std::generic_category(), "waitpid"};
    if (WIFSIGNALED(status)) {
        std::printf("parent: the child was killed by signal %d\n", WTERMSIG(status));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
} catch (const std::exception& error) {
    std::fprintf(stderr, "parent: %s\n", error.what());
    return 1;
}
