// SPDX-License-Identifier: BSL-1.0
// One of the readers of the feed:
//
//     market_feed-reader NAME [MICROSECONDS_A_QUOTE [oldest]]     how long it takes over each; from where it begins

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <thread>

#include "quote.hpp"

int main(int argc, char** argv) try {
    if (argc < 2) {
        std::cerr << "usage: " << argv[0] << " NAME [MICROSECONDS_A_QUOTE [oldest]]\n";
        return 2;
    }
    const std::string_view name = argv[1];
    const std::chrono::microseconds work{argc > 2 ? std::atoi(argv[2]) : 0};

    auto feed = Feed::open_for(feed_name, std::chrono::seconds{10});
    if (argc > 3 && std::string_view{argv[3]} == "oldest") feed.skip_to(tenon::From::oldest);
    std::cout << name << " is there\n" << std::flush;

    std::uint64_t quotes = 0;
    std::map<std::string, double> latest;
    for (;;) {
        const Quote quote = feed.receive();
        if (quote.date == 0) break;
        ++quotes;
        latest[std::string{quote.symbol.view()}] = quote.price;
        if (work.count() != 0) std::this_thread::sleep_for(work);
    }
    std::cout << name << ": " << quotes << " quotes, " << feed.lost() << " lost; IBM " << latest["IBM"] << '\n';
} catch (const std::exception& error) {
    std::cerr << argv[1] << ": " << error.what() << '\n';
    return 1;
}
