// SPDX-License-Identifier: BSL-1.0
// Replays a file of closing prices to whoever listens, however many they are and whatever they do:
//
//     market_feed-feed closing_prices.csv [QUOTES_A_SECOND]       begins when it reads a line
//
// In C each reader would be a socket, and one that hangs would fill it: send() would block, or drop without a word. Here
// nobody can hold the feed up, and who was too slow is told what it missed.

#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "quote.hpp"

/// The next field of a line of comma-separated values.
bool next_field(std::istream& line, std::string& field) { return static_cast<bool>(std::getline(line, field, ',')); }

int main(int argc, char** argv) try {
    if (argc < 2) {
        std::cerr << "usage: " << argv[0] << " FILE [QUOTES_A_SECOND]\n";
        return 2;
    }
    std::ifstream file{argv[1]};
    if (!file) throw std::runtime_error{std::string{"cannot read "} + argv[1]};
    const auto pause = std::chrono::nanoseconds{1'000'000'000} / (argc > 2 ? std::atoi(argv[2]) : 20'000);

    auto feed = Feed::open_or_create(feed_name, tenon::Capacity{1024});
    std::string line;
    std::getline(std::cin, line);

    std::vector<std::string> symbols;
    std::uint64_t quotes = 0;
    auto due = std::chrono::steady_clock::now();
    while (std::getline(file, line)) {
        if (line.empty() || line[0] == '#') continue;
        std::istringstream fields{line};
        std::string field;
        next_field(fields, field);
        if (symbols.empty()) {  // Date,IBM,AAPL,...
            while (next_field(fields, field)) symbols.push_back(field);
            continue;
        }
        field.erase(7, 1).erase(4, 1);  // 1990-01-01
        Quote quote{static_cast<std::uint32_t>(std::stoul(field)), {}, 0};
        for (const auto& symbol : symbols) {
            if (!next_field(fields, field) || field.empty()) continue;  // not traded then
            quote.symbol = symbol;
            quote.price = std::stod(field);
            feed.send(quote);
            ++quotes;
            std::this_thread::sleep_until(due += pause);
        }
    }
    feed.send({0, {}, 0});
    std::cout << "feed: " << quotes << " quotes\n" << std::flush;
    std::getline(std::cin, line);  // what was sent stays for those who are slow, as long as anybody has it open
} catch (const std::exception& error) {
    std::cerr << "feed: " << error.what() << '\n';
    return 1;
}
