// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE layout_difference
#include <boost/test/unit_test.hpp>

#include <tenon/payload/layout_difference.hpp>

#include <random>

using tenon::layout_difference;

BOOST_AUTO_TEST_CASE(both_layouts_are_printed_and_the_first_differing_field_is_marked) {
    const std::string said =
        layout_difference("Order size 16 align 8\n  id u64 at 0 size 8\n  price f64 at 8 size 8\n",
                          "Order size 16 align 8\n  id u64 at 0 size 8\n  price i64 at 8 size 8\n");
    BOOST_TEST(said ==
               "our layout:\n"
               "     Order size 16 align 8\n"
               "       id u64 at 0 size 8\n"
               "  ->   price f64 at 8 size 8\n"
               "their layout:\n"
               "     Order size 16 align 8\n"
               "       id u64 at 0 size 8\n"
               "  ->   price i64 at 8 size 8\n");
}

BOOST_AUTO_TEST_CASE(a_field_is_marked_rather_than_the_first_line) {
    const std::string said =
        layout_difference("A size 8 align 8\n  a u64 at 0 size 8\n", "A size 4 align 4\n  a u32 at 0 size 4\n");
    BOOST_TEST(said.find("->   a u64") != said.npos);
    BOOST_TEST(said.find("-> A") == said.npos);
}

BOOST_AUTO_TEST_CASE(the_first_line_is_marked_when_no_field_differs) {
    const std::string said =
        layout_difference("A size 8 align 8\n  a u64 at 0 size 8\n", "A size 64 align 64\n  a u64 at 0 size 8\n");
    BOOST_TEST(said.find("-> A size 64 align 64") != said.npos);
}

BOOST_AUTO_TEST_CASE(a_missing_field_is_marked_where_it_would_be) {
    const std::string said = layout_difference("A\n  a\n  b\n", "A\n  a\n");
    BOOST_TEST(said.find("->   b\n") != said.npos);
    BOOST_TEST(said.find("-> (nothing more)\n") != said.npos);
}

BOOST_AUTO_TEST_CASE(equal_layouts_have_no_mark) {
    BOOST_TEST(layout_difference("A\n  a\n", "A\n  a\n").find("->") == std::string::npos);
    BOOST_TEST(layout_difference("", "").find("->") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_are_escaped) {
    const std::string said = layout_difference("A\n", std::string_view("\x1b[2J\0\xff\\\r", 8));
    BOOST_TEST(said.find("\\x1b[2J\\x00\\xff\\x5c\\x0d") != said.npos);
    for (char c : said) BOOST_TEST((c == '\n' || (c >= 0x20 && c < 0x7f)));
}

BOOST_AUTO_TEST_CASE(what_a_peer_sends_cannot_make_the_message_large) {
    const std::string lines(1 << 22, '\n');
    BOOST_TEST(layout_difference("A\n", lines).size() < 16U * 1024);
    const std::string line(1 << 22, '\xff');
    BOOST_TEST(layout_difference("A\n", line).size() < 16U * 1024);
    std::string both;
    for (int i = 0; i < 4096; ++i) both += std::string(1024, '\xff') + '\n';
    BOOST_TEST(layout_difference("A\n", both).size() < 2U * 1024 * 1024);
}

BOOST_AUTO_TEST_CASE(a_difference_beyond_the_printed_lines_is_still_marked) {
    std::string ours;
    for (std::size_t i = 0; i < 2 * tenon::layout_difference_lines; ++i) ours += "  x\n";
    BOOST_TEST(layout_difference(ours, ours + "  y\n").find("-> ...") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(any_bytes_are_taken_without_harm) {
    std::mt19937 random{42};
    for (int round = 0; round < 2000; ++round) {
        std::string theirs(random() % 200, '\0');
        for (char& c : theirs) c = static_cast<char>(random() % 8 == 0 ? '\n' : random());
        const std::string said = layout_difference("A\n  a\n", theirs);
        BOOST_REQUIRE(said.find("->") != said.npos);
        for (char c : said) BOOST_REQUIRE((c == '\n' || (c >= 0x20 && c < 0x7f)));
    }
}
