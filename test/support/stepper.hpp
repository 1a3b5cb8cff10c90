// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Kills a process at a chosen instruction of an operation, or pauses it there: the crash law, asked of one instruction
/// after the other. A forked child prepares, runs the operation under ptrace(2) and is driven by its parent: over system
/// calls in hops (a stop before each call and one after it), between them one instruction at a time.
///
///     struct Storing {                                              // a scenario: fresh for every point
///         SharedObject<Reading> sut = ...;                          // the survivor's
///         bool operate(support::Operation at) { auto mine = ...;  at([&] { mine.store(...); });  return true; }
///         void survive(support::Trial& trial) { trial.stall([&] { sut.update(...); });  trial.expect(..., "torn"); }
///     };
///     support::killed_at_every_instruction("store", [] { return std::make_unique<Storing>(); });  // .failures: check
///
/// Nothing here knows Boost.Test. Source: ptrace(2).

#include <dlfcn.h>  // dladdr: where an instruction stands
#include <elf.h>    // NT_PRSTATUS
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/machine.hpp"
#include "support/seed.hpp"

namespace support {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool steps_are_dear = true;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr bool steps_are_dear = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool steps_are_dear = true;
#else
inline constexpr bool steps_are_dear = false;
#endif
#else
inline constexpr bool steps_are_dear = false;
#endif

/// A place in an operation: so many stops at system calls passed, then so many instructions.
struct Point {
    std::size_t stops = 0;
    std::size_t steps = 0;
};

/// What stands between the two ends of an operation, shared by a stepped child and its parent.
struct OperationMarks {
    std::atomic<bool> begun{false};
    std::atomic<bool> ended{false};
};

/// What a body gets to run its operation with; to be called once. Without marks it merely runs it.
class Operation {
public:
    explicit Operation(OperationMarks* marks = nullptr) noexcept : marks_{marks} {}

    template <class Call>
    void operator()(Call call) const {
        if (marks_ == nullptr) {
            call();
            return;
        }
        ::kill(::getpid(), SIGSTOP);
        marks_->begun.store(true);
        call();
        marks_->ended.store(true);
        ::syscall(SYS_getppid);  // a hop that goes too far ends here
    }

private:
    OperationMarks* marks_;
};

/// A forked child that stands still in the middle of an operation. Killed at the end of the scope.
class SteppedChild {
public:
    /// `body(Operation)` returns true when all is well. On return the child stands before the operation's first
    /// instruction; is_there() tells whether it got so far.
    template <class Body>
    explicit SteppedChild(Body body) {
        void* const memory =
            ::mmap(nullptr, sizeof(OperationMarks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            throw std::bad_alloc{};
        }
        marks_ = ::new (memory) OperationMarks{};
        std::fflush(nullptr);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            bool fine = false;
            try {
                fine = ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 && body(Operation{marks_});
            } catch (const std::exception& error) {
                std::fprintf(stderr, "in a stepped child: %s\n", error.what());
            }
            ::_exit(fine ? 0 : 1);
        }
        if (pid_ == -1) {
            const int error = errno;
            ::munmap(marks_, sizeof(OperationMarks));
            throw std::system_error{error, std::generic_category(), "fork"};
        }
        alive_ = true;
        reach_operation();
    }
    SteppedChild(const SteppedChild&) = delete;
    SteppedChild& operator=(const SteppedChild&) = delete;
    ~SteppedChild() {
        kill();
        reap();
        ::munmap(marks_, sizeof(OperationMarks));
    }

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// Whether it stands within the operation.
    [[nodiscard]] bool is_there() const noexcept { return alive_ && marks_->begun && !marks_->ended; }
    /// Whether the operation's last instruction has been executed.
    [[nodiscard]] bool has_ended() const noexcept { return marks_->ended; }

    /// One instruction further; a system call is one.
    /// Returns  whether it is still within the operation.
    bool step() { return resume(PTRACE_SINGLESTEP) && is_there(); }
    /// To the next stop at a system call.
    bool hop() { return resume(PTRACE_SYSCALL) && is_there(); }
    /// Returns  whether it got there before the operation ended.
    bool advance(const Point& point) {
        bool there = is_there();
        for (std::size_t i = 0; there && i < point.stops; ++i) {
            there = hop();
        }
        for (std::size_t i = 0; there && i < point.steps; ++i) {
            there = step();
        }
        return there;
    }
    /// Hops until after the first call of that number (SYS_...) which succeeds.
    bool advance_past(long number) {
        bool wanted = false;
        while (hop()) {
            struct ::__ptrace_syscall_info info {};
            ::ptrace(PTRACE_GET_SYSCALL_INFO, pid_, sizeof info, &info);
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                wanted = static_cast<long>(info.entry.nr) == number;
            } else if (wanted && info.op == PTRACE_SYSCALL_INFO_EXIT && info.exit.is_error == 0) {
                return true;
            }
        }
        return false;
    }

    /// The address of the next instruction.
    [[nodiscard]] std::uintptr_t instruction() const {
        struct ::user_regs_struct registers {};
        ::iovec view{&registers, sizeof registers};
        if (!alive_ || ::ptrace(PTRACE_GETREGSET, pid_, NT_PRSTATUS, &view) == -1) {
            return 0;
        }
#if defined(__x86_64__)
        return registers.rip;
#elif defined(__aarch64__)
        return registers.pc;
#else
        return 0;
#endif
    }
    /// Whether the next instruction calls the kernel; the child has its code where the parent has it.
    [[nodiscard]] bool is_before_system_call() const {
        const std::uintptr_t at = instruction();
#if defined(__x86_64__)
        constexpr std::uint16_t call = 0x050f;
#else
        constexpr std::uint32_t call = 0xd4000001;
#endif
        auto seen = call;
        if (at != 0) {
            std::memcpy(&seen, reinterpret_cast<const void*>(at), sizeof seen);
        }
        return at != 0 && seen == call;
    }

    /// SIGKILL; it may take the kernel a moment.
    void kill() {
        if (alive_ && pid_ > 0) {  // kill(-1) would be everybody
            ::kill(pid_, SIGKILL);
        }
    }
    /// Waits until nothing is left of it, after kill().
    void reap() {
        while (alive_) {
            int status = 0;
            if (::waitpid(pid_, &status, 0) == -1 || WIFEXITED(status) || WIFSIGNALED(status)) {
                alive_ = false;
            }
        }
    }
    /// Lets it go on by itself.
    void let_go() {
        if (alive_) {
            ::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
        }
    }
    /// Waits for its end, after let_go().
    /// Returns  whether the body returned true.
    bool succeeds() {
        int status = 0;
        const bool fine =
            alive_ && ::waitpid(pid_, &status, 0) == pid_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        alive_ = false;
        return fine;
    }

private:
    void reach_operation() {
        for (int stop = 0; alive_ && stop != SIGSTOP;) {  // other signals: of children that it had meanwhile
            int status = 0;
            if ((stop != 0 && ::ptrace(PTRACE_CONT, pid_, nullptr, static_cast<long>(stop)) == -1) ||
                ::waitpid(pid_, &status, 0) == -1 || !WIFSTOPPED(status)) {
                alive_ = false;
                return;
            }
            stop = WSTOPSIG(status);
        }
        const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
        ::ptrace(PTRACE_SETOPTIONS, pid_, nullptr, options);
        while (!marks_->begun && resume(PTRACE_SINGLESTEP)) {}
    }

    template <class Request>
    bool resume(Request request) {
        long signal = 0;
        while (alive_ && ::ptrace(request, pid_, nullptr, signal) == 0) {
            int status = 0;
            if (::waitpid(pid_, &status, 0) == -1 || !WIFSTOPPED(status)) {
                alive_ = false;
                break;
            }
            const int stop = WSTOPSIG(status);
            if ((stop & 0x7f) == SIGTRAP) {
                return true;
            }
            signal = stop;
        }
        return false;
    }

    OperationMarks* marks_ = nullptr;
    pid_t pid_ = -1;
    bool alive_ = false;
};

/// The survivor's view of one point: what it expected, and how long it waited.
class Trial {
public:
    Trial(SteppedChild& victim, std::size_t point) noexcept : number{point}, victim_{&victim} {}

    /// Counts the points, for what should not be done at each.
    const std::size_t number;

    /// Notes `complaint`, the first one of a trial, unless `truth`.
    void expect(bool truth, const std::string& complaint) {
        if (!truth && complaint_.empty()) {
            complaint_ = complaint;
        }
    }
    /// Runs `call`, and notes how long the survivor was held up.
    template <class Call>
    void stall(Call call) {
        const auto start = std::chrono::steady_clock::now();
        call();
        longest_ = std::max<std::chrono::nanoseconds>(longest_, std::chrono::steady_clock::now() - start);
    }
    /// Whether the victim had executed the last instruction of its operation.
    [[nodiscard]] bool had_ended() const noexcept { return victim_->has_ended(); }
    /// Waits until the kernel has cleared away what was killed; before this it may be dying still.
    void bury() { victim_->reap(); }
    /// Lets a paused victim go on. Returns  whether it came to a good end.
    bool resume_to_the_end() {
        victim_->let_go();
        return victim_->succeeds();
    }
    void resume() { victim_->let_go(); }
    bool came_to_a_good_end() { return victim_->succeeds(); }

    [[nodiscard]] const std::string& complaint() const noexcept { return complaint_; }
    [[nodiscard]] std::chrono::nanoseconds longest() const noexcept { return longest_; }

private:
    SteppedChild* victim_;
    std::string complaint_;
    std::chrono::nanoseconds longest_{0};
};

/// What came of an operation that was killed or paused at many points.
struct Sweep {
    std::string operation;
    std::size_t instructions = 0;
    std::size_t system_calls = 0;
    std::size_t points = 0;    // that were tried
    std::size_t outrun = 0;    // of them: the operation was over sooner than the first time
    std::size_t failures = 0;  // of them
    std::chrono::nanoseconds longest_stall{0};
};

namespace detail {

inline bool is_sampled() { return !in_full() || steps_are_dear; }

/// How many instructions stand before the first system call, between the first and the second, ..., after the last. Of a
/// gap that is longer than `most` the rest is passed over.
inline std::vector<std::size_t> course_of(SteppedChild& victim, std::size_t most, bool& complete) {
    std::vector<std::size_t> course{0};
    bool call = victim.is_before_system_call();
    complete = true;
    while (victim.step()) {
        if (call) {
            course.push_back(0);
        } else {
            ++course.back();
        }
        call = victim.is_before_system_call();
        if (course.back() == most && !call) {
            complete = false;
            if (!victim.hop()) {
                break;
            }
            call = true;  // stands in its entry
        }
    }
    ++course.back();
    return course;
}

/// In the full setup all points of a course, but of a gap of more than 316 instructions only every second, third,
/// ... one: such a gap is a loop over text or the unwinding of an exception. Otherwise about `wanted` of them, half of these
/// at system calls, from an offset of chance.
inline std::vector<Point> points_of(const std::vector<std::size_t>& course, std::size_t sample) {
    const std::size_t wanted = std::max<std::size_t>(sample, 4);
    const auto most_of = [](std::size_t steps) {
        constexpr std::size_t affordable = 100'000;  // twice the steps that reach the points of one gap
        return is_sampled() ? std::size_t{150} : std::clamp<std::size_t>(affordable / (steps + 1), 50, 1000);
    };
    std::size_t candidates = 0;
    for (const std::size_t steps : course) {
        candidates += std::min(steps + 1, most_of(steps));
    }
    const std::size_t every = is_sampled() ? candidates * (course.size() == 1 ? 1 : 2) / wanted + 1 : 1;
    const std::size_t every_stop = is_sampled() ? course.size() * 4 / wanted + 1 : 1;
    std::vector<Point> chosen;
    std::size_t chance = seed();
    for (std::size_t call = 0; call < course.size(); ++call) {
        if (call != 0 && chance++ % every_stop == 0) {
            chosen.push_back({2 * call - 1, 0});  // the kernel was called and has not begun
        }
        if (call != 0 && is_sampled() && chance++ % every_stop == 0) {
            chosen.push_back({2 * call, 0});
        }
        const std::size_t stride = every * (course[call] / most_of(course[call]) + 1);
        for (std::size_t steps = is_sampled() ? chance++ * 7 % stride : 0; steps <= course[call]; steps += stride) {
            chosen.push_back({2 * call, steps});
        }
    }
    if (chosen.empty()) {
        chosen.emplace_back();
    }
    return chosen;
}

/// Ends a test that hangs, and says where.
class Alarm {
public:
    explicit Alarm(unsigned seconds) noexcept : seconds_{seconds} { ::signal(SIGALRM, ring); }
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;
    ~Alarm() {
        ::alarm(0);
        ::signal(SIGALRM, SIG_DFL);
    }
    void set(const std::string& where) const noexcept {
        ::alarm(0);
        std::snprintf(text(), text_size, "the survivor hangs: %s\n", where.c_str());
        ::alarm(seconds_);
    }

private:
    static constexpr std::size_t text_size = 512;
    static char* text() noexcept {
        static char buffer[text_size];
        return buffer;
    }
    static void ring(int) {
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text(), ::strnlen(text(), text_size));
        ::_exit(3);
    }
    unsigned seconds_;
};

/// "file+0x1234", for addr2line(1).
inline std::string place_of(std::uintptr_t instruction) {
    ::Dl_info info{};
    char text[256];
    if (instruction == 0 || ::dladdr(reinterpret_cast<void*>(instruction), &info) == 0) {
        return "?";
    }
    const char* const slash = std::strrchr(info.dli_fname, '/');
    std::snprintf(text, sizeof text, "%s+0x%zx (%s)", slash == nullptr ? info.dli_fname : slash + 1,
                  static_cast<std::size_t>(instruction - reinterpret_cast<std::uintptr_t>(info.dli_fbase)),
                  info.dli_sname == nullptr ? "" : info.dli_sname);
    return text;
}

/// Takes the operation of a `Scenario` to one point after the other; `judge(scenario, victim, trial)` does the rest.
template <class Make, class Judge>
Sweep at_points(const char* operation, std::size_t wanted, Make make, Judge judge) {
    Sweep sweep;
    sweep.operation = operation;
    const Alarm alarm{20};
    alarm.set(sweep.operation + ", rehearsal");
    {
        auto rehearsal = make();  // resolves symbols and fills caches, which every child then inherits
        rehearsal->operate(Operation{});
    }
    std::vector<std::size_t> course;
    bool complete = true;
    {
        auto scenario = make();
        SteppedChild victim{[&](Operation at) { return scenario->operate(at); }};
        course = course_of(victim, is_sampled() ? 1'000 : SIZE_MAX, complete);
        if (!victim.has_ended()) {
            std::fprintf(stderr, "%s: the operation did not come to its end\n", operation);
            ++sweep.failures;
            return sweep;
        }
    }
    for (const std::size_t steps : course) {
        sweep.instructions += steps + 1;
    }
    --sweep.instructions;
    sweep.system_calls = course.size() - 1;
    const std::vector<Point> chosen = points_of(course, wanted);
    for (const Point& point : chosen) {
        std::string where = sweep.operation + ", " + std::to_string(point.stops) + " stops and " +
                            std::to_string(point.steps) + " instructions on, trial " + std::to_string(sweep.points);
        alarm.set(where);
        auto scenario = make();
        SteppedChild victim{[&](Operation at) { return scenario->operate(at); }};
        Trial trial{victim, sweep.points++};
        trial.expect(victim.is_there(), "the victim never got to its operation");
        sweep.outrun += victim.advance(point) ? 0 : 1;
        where += ", before " + place_of(victim.instruction());
        alarm.set(where);
        try {
            judge(*scenario, victim, trial);
        } catch (const std::exception& error) {
            trial.expect(false, error.what());
        }
        sweep.longest_stall = std::max(sweep.longest_stall, trial.longest());
        if (!trial.complaint().empty() && ++sweep.failures <= 5) {
            std::fprintf(stderr, "%s: %s\n", where.c_str(), trial.complaint().c_str());
        }
    }
    std::fprintf(stderr, "%-58s %6zu%c instructions %4zu calls %6zu points %3zu failures, longest stall %8.3f ms\n",
                 operation, sweep.instructions, complete ? ' ' : '+', sweep.system_calls, sweep.points, sweep.failures,
                 static_cast<double>(sweep.longest_stall.count()) / 1e6);
    return sweep;
}

}  // namespace detail

/// How many points a sweep takes unless in_full().
inline constexpr std::size_t usual_sample = steps_are_dear ? 6 : 80;

/// Kills the operation of a fresh scenario at each point; then scenario.survive(trial) tells what became of it. The
/// victim may be dying still when that is called: trial.bury() waits for it. `make()` returns a std::unique_ptr.
template <class Make>
Sweep killed_at_every_instruction(const char* operation, Make make, std::size_t sample = usual_sample) {
    return detail::at_points(operation, sample, make, [](auto& scenario, SteppedChild& victim, Trial& trial) {
        victim.kill();
        scenario.survive(trial);
    });
}

/// Pauses the operation of a fresh scenario at each point; scenario.meanwhile(trial) acts, lets the victim go on and
/// tells what became of it.
template <class Make>
Sweep paused_at_every_instruction(const char* operation, Make make, std::size_t sample = usual_sample) {
    return detail::at_points(operation, sample, make, [](auto& scenario, SteppedChild& victim, Trial& trial) {
        static_cast<void>(victim);
        scenario.meanwhile(trial);
    });
}

/// Whether a process of ours may be stepped here at all.
inline bool can_step() {
    SteppedChild child{[](Operation at) { return at([] {}), true; }};
    return child.is_there();
}

}  // namespace support
