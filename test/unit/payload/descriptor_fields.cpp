// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE descriptor_fields
#include <boost/test/unit_test.hpp>

#include <tenon/payload/descriptor_fields.hpp>
#include <tenon/payload/layout.hpp>

#include <array>
#include <optional>
#include <type_traits>
#include <vector>

using tenon::descriptor_count;
using tenon::PassedFd;

namespace {

struct Part {
    int kind;
    std::array<PassedFd, 2> files;
};
struct Frame {
    std::uint64_t number;
    PassedFd pixels;
    Part parts[2];
    const int rest = 0;
};
struct Numbers {
    std::uint64_t number;
    int pixels;
    std::optional<int> maybe;
};
struct Looser {
    std::optional<PassedFd> maybe;
};

static_assert(std::is_trivially_copyable_v<PassedFd> && sizeof(PassedFd) == sizeof(int));
static_assert(!PassedFd{} && PassedFd{}.get() == -1 && PassedFd{0} && PassedFd{7}.get() == 7);
static_assert(descriptor_count<Frame> == 5 && descriptor_count<Part> == 2 && descriptor_count<PassedFd> == 1);
static_assert(descriptor_count<Numbers> == 0 && descriptor_count<int> == 0);

static_assert(tenon::SocketPayload<Frame> && tenon::SocketPayload<PassedFd> && tenon::SocketPayload<Numbers>);
static_assert(!tenon::Payload<Frame> && !tenon::Payload<PassedFd> && !tenon::Payload<Part[2]>);
static_assert(tenon::Payload<Numbers>);
static_assert(!tenon::SocketPayload<Looser> && !tenon::Payload<Looser>);

struct WithDescriptor {
    PassedFd field;
};
struct WithNumber {
    int field;
};
static_assert(tenon::fingerprint<WithDescriptor> != tenon::fingerprint<WithNumber>);

}  // namespace

BOOST_AUTO_TEST_CASE(every_descriptor_is_visited_once_in_the_order_of_their_places) {
    Frame frame{1, PassedFd{10}, {{0, {PassedFd{11}, PassedFd{}}}, {0, {PassedFd{13}, PassedFd{14}}}}};
    std::vector<int> seen;
    tenon::for_each_descriptor(std::as_const(frame), [&](const PassedFd& field) { seen.push_back(field.get()); });
    BOOST_TEST((seen == std::vector<int>{10, 11, -1, 13, 14}));
    tenon::for_each_descriptor(frame, [](PassedFd& field) { field = PassedFd{}; });
    BOOST_TEST(!frame.parts[1].files[1]);
    Numbers numbers{};
    tenon::for_each_descriptor(numbers, [](PassedFd&) { BOOST_ERROR("there is none"); });
}

BOOST_AUTO_TEST_CASE(the_layout_calls_it_fd) {
    BOOST_TEST(tenon::layout_words<WithDescriptor> == "WithDescriptor size 4 align 4\n  field fd at 0 size 4\n");
    BOOST_TEST(tenon::layout_words<Part>.find("files fd[2] at 4 size 8") != std::string_view::npos);
}
