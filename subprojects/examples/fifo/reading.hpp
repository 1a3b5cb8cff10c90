// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the writer and the reader share: the path, in the directory they are started in, and the struct.

#include <tenon/typed_fifo.hpp>

inline constexpr const char* readings_path = "readings";

struct Reading {
    int number;
    double celsius;
};
