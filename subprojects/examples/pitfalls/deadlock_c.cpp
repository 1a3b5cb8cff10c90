// SPDX-License-Identifier: BSL-1.0
// The C way into a deadlock: two processes, two System V semaphores, each takes them in its own order. Compare deadlock.cpp.
//
// One holds the spoon and wants the knife, the other holds the knife and wants the spoon. Each P alone is right. SIGALRM ends
// it here; without it both sleep for ever, and ps shows nothing but two processes that wait.

#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

static int semaphores;

static void change(unsigned short which, short by) {
    sembuf operation = {which, by, SEM_UNDO};
    if (semop(semaphores, &operation, 1) == -1) exit(1);
}

static void eat(unsigned short first, unsigned short second) {
    alarm(3);
    for (int meal = 0; meal < 1000; ++meal) {
        change(first, -1);
        usleep(100);  // the other one takes its first meanwhile
        change(second, -1);
        change(second, 1);
        change(first, 1);
    }
    _exit(0);
}

int main() {
    semaphores = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
    if (semaphores == -1) return perror("semget"), 1;
    change(0, 1);
    change(1, 1);
    if (fork() == 0) eat(0, 1);
    if (fork() == 0) eat(1, 0);
    int full = 0;
    for (int child = 0; child < 2; ++child) {
        int status = 0;
        wait(&status);
        full += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    semctl(semaphores, 0, IPC_RMID);
    printf("%d of 2 have eaten\n", full);
    return full == 2 ? 0 : 1;
}
