// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Other users, for tests of who may do what; only root can become one.

#include <grp.h>  // setgroups
#include <sys/types.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

namespace support {

constexpr ::uid_t nobody = 65'534;

/// Becomes that user and the group of the same number, in a child, for good.
inline bool become(::uid_t user) { return ::setgroups(0, nullptr) == 0 && ::setgid(user) == 0 && ::setuid(user) == 0; }

/// Becomes a user for whom the kernel's limits hold, in a child; whoever is not root is one.
inline bool drop_privileges() { return ::geteuid() != 0 || become(nobody); }

/// Tests that need to become another user, or a namespace of their own, are skipped for others.
struct NeedsRoot {
    boost::test_tools::assertion_result operator()(boost::unit_test::test_unit_id) const {
        boost::test_tools::assertion_result result{::geteuid() == 0};
        result.message() << "needs root";
        return result;
    }
};

/// The same within a case: a template's cannot have a precondition.
inline bool can_become_another() {
    if (::geteuid() != 0) {
        BOOST_TEST_MESSAGE("needs root to become another user");
        return false;
    }
    return true;
}

}  // namespace support
