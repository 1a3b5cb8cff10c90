// SPDX-License-Identifier: BSL-1.0
// Prints words and fingerprints. same_output.sh builds it with two compilers and compares what they print.
#include <tenon/payload/fixed_string.hpp>
#include <tenon/payload/fixed_vector.hpp>
#include <tenon/payload/layout.hpp>

#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <optional>
#include <string>
#include <variant>

#include <sys/stat.h>
#include <time.h>

namespace shop {
enum class Colour : unsigned char { red };
template <class T, unsigned long N>
struct Row {
    T cells[N];
    unsigned long used;
};
namespace {
struct Customer {
    tenon::FixedString<24> name;
    std::optional<Colour> colour;
};
}  // namespace
struct Order {
    long id;
    unsigned long long serial;
    Customer customer;
    Row<long long, 3> row;
    Row<Row<Colour, 2>, 2> rows;
    std::variant<Row<int, 1>, long double, wchar_t> either;
    tenon::FixedVector<std::array<unsigned char, 5>, 4> list;
    std::chrono::steady_clock::time_point when;
    std::chrono::hh_mm_ss<std::chrono::seconds> time;
    struct timespec spec;
};
}  // namespace shop

template <class T>
void print() {
    const std::string words{tenon::layout_words<T>};
    std::printf("%s%016" PRIx64 "\n", words.c_str(), tenon::fingerprint<T>);
}

int main() {
    struct Local {
        char c;
        shop::Order order;
        struct stat file;
    };
    print<shop::Order>();
    print<Local>();
    print<shop::Row<Local, 2>>();
    print<unsigned long>();
    print<std::chrono::duration<double, std::ratio<1, 50>>>();
}
