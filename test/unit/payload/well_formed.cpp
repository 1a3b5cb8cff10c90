// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE well_formed
#include "tenon/payload/well_formed.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <complex>
#include <cstring>
#include <optional>
#include <variant>

#include "tenon/payload/fixed_string.hpp"
#include "tenon/payload/fixed_vector.hpp"

namespace {

struct Plain {
    int number;
    double positions[3];
    std::complex<float> phase;
    tenon::FixedString<8> name;
};

struct Login {
    int user;
    bool remembered;
};

struct Whole {
    Plain plain;
    bool flag = true;
    bool matrix[2][2] = {};
    std::optional<int> maybe = 3;
    std::optional<Login> login = Login{1, true};
    std::variant<int, char, Login> choice = Login{2, false};
    std::array<bool, 3> answers{};
    tenon::FixedVector<bool, 4> more;
};

/// Whether `whole` is still well formed when the byte at `place` says `byte`.
bool with(const Whole& whole, const void* place, std::size_t offset, unsigned char byte) {
    Whole copy = whole;
    const auto at = static_cast<const unsigned char*>(place) - reinterpret_cast<const unsigned char*>(&whole);
    std::memcpy(reinterpret_cast<unsigned char*>(&copy) + at + offset, &byte, 1);
    return tenon::is_well_formed(copy);
}

}  // namespace

BOOST_AUTO_TEST_CASE(types_without_a_discriminant_cost_nothing) {
    static_assert(!tenon::detail::has_discriminant<Plain>());
    static_assert(!tenon::detail::has_discriminant<int[4]>());
    static_assert(tenon::detail::has_discriminant<Whole>());
    BOOST_TEST(tenon::is_well_formed(Plain{}));
}

BOOST_AUTO_TEST_CASE(what_the_language_made_is_well_formed) {
    Whole sut{};
    BOOST_TEST(tenon::is_well_formed(sut));
    sut.more.push_back(true);
    sut.maybe.reset();
    sut.choice = 'c';
    BOOST_TEST(tenon::is_well_formed(sut));
}

BOOST_AUTO_TEST_CASE(a_bool_that_is_neither_is_found_at_any_depth) {
    Whole sut{};
    sut.more.push_back(false);
    BOOST_TEST(!with(sut, &sut.flag, 0, 2));
    BOOST_TEST(!with(sut, &sut.matrix[1][0], 0, 0xff));
    BOOST_TEST(!with(sut, &sut.answers[2], 0, 7));
    BOOST_TEST(!with(sut, &sut.more[0], 0, 7));
    BOOST_TEST(!with(sut, &sut.login->remembered, 0, 7));
    BOOST_TEST(!with(sut, &std::get<Login>(sut.choice).remembered, 0, 7));
    BOOST_TEST(with(sut, &sut.flag, 0, 0));
    BOOST_TEST(with(sut, &sut.plain, 0, 7));
}

BOOST_AUTO_TEST_CASE(an_optional_is_engaged_or_not) {
    const Whole sut{};
    BOOST_TEST(!with(sut, &sut.maybe, sizeof(int), 5));
    BOOST_TEST(with(sut, &sut.maybe, sizeof(int), 0));
}

BOOST_AUTO_TEST_CASE(a_variant_names_one_of_its_alternatives_or_none) {
    const Whole sut{};
    bool refused = false;  // wherever the library keeps the index
    for (std::size_t offset = sizeof(Login); offset < sizeof sut.choice; ++offset) {
        refused = refused || !with(sut, &sut.choice, offset, 0x60);
    }
    BOOST_TEST(refused);
}
