// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_word_copy
#include "tenon/sync/word_copy.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

using tenon::sync::Hardware;
using Word = tenon::sync::SharedWord<Hardware>;

BOOST_AUTO_TEST_CASE(every_size_is_copied_there_and_back_and_nothing_beyond_it) {
    for (std::size_t size = 0; size <= 200; ++size) {
        std::vector<Word> shared(27);
        for (auto& word : shared) {
            word.store(~std::uint64_t{0});
        }
        std::vector<unsigned char> in(size);
        for (std::size_t i = 0; i < size; ++i) {
            in[i] = static_cast<unsigned char>(i + size);
        }
        tenon::sync::copy_in<Hardware>(shared.data(), in.data(), size);
        std::vector<unsigned char> out(size + 1, 0xee);
        tenon::sync::copy_out<Hardware>(shared.data(), out.data(), size);
        BOOST_TEST_REQUIRE(out.back() == 0xee);
        out.pop_back();
        BOOST_TEST_REQUIRE(out == in);
        BOOST_TEST_REQUIRE(shared[(size + 7) / 8].load() == ~std::uint64_t{0});
    }
}

BOOST_AUTO_TEST_CASE(the_last_word_is_filled_up_with_zeros) {
    Word shared{~std::uint64_t{0}};
    const unsigned char in[3] = {1, 2, 3};
    tenon::sync::copy_in<Hardware>(&shared, in, sizeof in);
    unsigned char out[8];
    tenon::sync::copy_out<Hardware>(&shared, out, sizeof out);
    const unsigned char wanted[8] = {1, 2, 3, 0, 0, 0, 0, 0};
    BOOST_TEST(out == wanted, boost::test_tools::per_element());
}
