// SPDX-License-Identifier: BSL-1.0
// The C way to a leak: what a process makes in the kernel outlives it, and is in the way of its successor. Compare leak.cpp.
//
//     pitfalls-leak_c [die]        die: kill -9 before the last three lines
//
// The clean-up at the end is not reached by a process that dies. "Just remove what is there" at the start is no remedy: it
// robs one that is alive.

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char**) {
    int trouble = 0;
    const key_t key = ftok(".", 'L');
    const int segment = shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600);
    if (segment == -1) perror("shmget"), ++trouble;
    const int queue = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
    if (queue == -1) perror("msgget"), ++trouble;
    if (mkfifo("leak_c.fifo", 0600) == -1) perror("mkfifo"), ++trouble;
    if (trouble != 0) return 1;

    void* const text = shmat(segment, nullptr, 0);
    if (text == reinterpret_cast<void*>(-1)) return perror("shmat"), 1;
    strcpy(static_cast<char*>(text), "at work");
    puts("at work");
    fflush(stdout);
    if (argc > 1) raise(SIGKILL);

    unlink("leak_c.fifo");
    msgctl(queue, IPC_RMID, nullptr);
    shmctl(segment, IPC_RMID, nullptr);
}
