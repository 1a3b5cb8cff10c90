// SPDX-License-Identifier: BSL-1.0
// Makes a picture in memory that has no name, hands it to whoever connects, and prints what was drawn into it.
//
// Memory without a name is nobody's but of those who were given it, and is gone with the last of them: nothing to unlink,
// and nothing for another user to open. The C program calls memfd_create, ftruncate, mmap and sendmsg with a cmsghdr,
// CMSG_SPACE, CMSG_LEN and CMSG_DATA; here the descriptor is a field of a message.

#include <algorithm>
#include <exception>
#include <iostream>
#include <string_view>

#include "picture.hpp"

int main() try {
    auto picture = tenon::SharedObject<Picture>::anonymous();
    picture.update([](Picture& p) { std::fill_n(p.pixels[0], sizeof p.pixels, '.'); });

    auto listener = tenon::TypedListener<Handover, Finished>::create(socket_path);
    auto painter = listener.accept();
    painter.send({"a disc", tenon::PassedFd{picture.native_handle()}});  // lent: ours stays open
    const auto finished = painter.next();

    const Picture result = picture.load();  // the whole drawing or none of it, even if the painter was killed
    for (const auto& row : result.pixels) std::cout << std::string_view{row, Picture::width} << '\n';
    if (finished) {
        std::cout << "process " << painter.peer().pid << " drew " << finished->drawn << " pixels\n";
    } else {
        std::cout << "the painter: " << name_of(finished.outcome()) << '\n';
    }
} catch (const std::exception& error) {
    std::cerr << "giver: " << error.what() << '\n';
    return 1;
}
