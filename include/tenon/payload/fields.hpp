// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "text.hpp"
#include "type_name.hpp"

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>  // std::index_sequence

/// The fields of an aggregate, found while compiling: how many, of which types, where, and their
/// names. Layouts and the Payload rule are built on it; programs hardly need it themselves.
///
///     using Walk = tenon::Fields<Order>;
///     static_assert(Walk::seen == tenon::FieldsSeen::all && Walk::count == 3);
///     static_assert(tenon::field_name<Order, 0> == "id" && tenon::field_offset<Order, 1> == 8);

namespace tenon {

/// The most fields (and empty bases) that one aggregate may have; nested ones count for themselves.
inline constexpr std::size_t max_fields = 64;

/// How far a walk could see into an aggregate.
enum class FieldsSeen { all, too_many, uncountable, unnamed_union, base_with_fields };

namespace detail {

template <class... T>
struct Types {};

/// Where the fields of a T would be, for their addresses and names: nothing is ever stored in it.
template <class T>
union Shadow {
    char none;
    T value;
    unsigned char bytes[sizeof(T)];
    constexpr Shadow() : none{} {}
    constexpr ~Shadow() {}
};
template <class T>
inline constinit Shadow<T> shadow{};

template <class P>
struct Pointer {
    P to;
};
template <class T>
Pointer(T*) -> Pointer<T*>;

template <auto P>
consteval const char* pretty_value() {
    return __PRETTY_FUNCTION__;
}

// What a field can be initialised from, to learn about it: anything; an unnamed union; a base.
struct FromAnything {
    template <class U>
    constexpr operator U&() const&& noexcept;
    template <class U>
    constexpr operator U&&() const&& noexcept;
};

template <class U>
consteval bool is_unnamed_union() {
    if constexpr (std::is_union_v<U>) {
        constexpr std::string_view name = raw_type_name<U>();
        for (std::string_view unnamed : {"<unnamed ", "<anonymous ", "(unnamed ", "(anonymous union"})
            if (position_of(name, unnamed) != name.size()) return true;
        return false;
    } else {
        return false;
    }
}
struct FromUnnamedUnion {
    template <class U>
        requires(is_unnamed_union<U>())
    constexpr operator U() const noexcept;
};

template <class T>
struct FromBase {
    template <class U>
        requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>)
    constexpr operator U() const noexcept;
};
template <class T>
struct FromEmptyBase {
    template <class U>
        requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T> && std::is_empty_v<U>)
    constexpr operator U() const noexcept;
};

// N fields, written out because a structured binding cannot be a pack. takes: T accepts N empty
// initialisers, then one from each P. over: calls `visit` with the types of all fields, as declared, and
// with the fields.
template <std::size_t N>
struct Spread;

template <>
struct Spread<0> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{P{}...};
    };
};

template <>
struct Spread<1> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0] = whole;
        return visit(Types<decltype(f0)>{}, f0);
    }
};

template <>
struct Spread<2> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1] = whole;
        return visit(Types<decltype(f0), decltype(f1)>{}, f0, f1);
    }
};

template <>
struct Spread<3> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2)>{}, f0, f1, f2);
    }
};

template <>
struct Spread<4> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3)>{}, f0, f1, f2, f3);
    }
};

template <>
struct Spread<5> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4)>{}, f0, f1, f2, f3, f4);
    }
};

template <>
struct Spread<6> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5)>{}, f0,
                     f1, f2, f3, f4, f5);
    }
};

template <>
struct Spread<7> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6)>{},
            f0, f1, f2, f3, f4, f5, f6);
    }
};

template <>
struct Spread<8> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7);
    }
};

template <>
struct Spread<9> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8);
    }
};

template <>
struct Spread<10> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9);
    }
};

template <>
struct Spread<11> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10);
    }
};

template <>
struct Spread<12> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11);
    }
};

template <>
struct Spread<13> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12);
    }
};

template <>
struct Spread<14> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13);
    }
};

template <>
struct Spread<15> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14);
    }
};

template <>
struct Spread<16> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15);
    }
};

template <>
struct Spread<17> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16);
    }
};

template <>
struct Spread<18> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17);
    }
};

template <>
struct Spread<19> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18);
    }
};

template <>
struct Spread<20> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19);
    }
};

template <>
struct Spread<21> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20);
    }
};

template <>
struct Spread<22> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21] =
            whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                     f21);
    }
};

template <>
struct Spread<23> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
               f22] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22);
    }
};

template <>
struct Spread<24> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23);
    }
};

template <>
struct Spread<25> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24);
    }
};

template <>
struct Spread<26> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25);
    }
};

template <>
struct Spread<27> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26);
    }
};

template <>
struct Spread<28> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27);
    }
};

template <>
struct Spread<29> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28);
    }
};

template <>
struct Spread<30> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29);
    }
};

template <>
struct Spread<31> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30);
    }
};

template <>
struct Spread<32> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30), decltype(f31)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30, f31);
    }
};

template <>
struct Spread<33> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32);
    }
};

template <>
struct Spread<34> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33);
    }
};

template <>
struct Spread<35> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34);
    }
};

template <>
struct Spread<36> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35);
    }
};

template <>
struct Spread<37> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30), decltype(f31),
                  decltype(f32), decltype(f33), decltype(f34), decltype(f35), decltype(f36)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36);
    }
};

template <>
struct Spread<38> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30), decltype(f31),
                  decltype(f32), decltype(f33), decltype(f34), decltype(f35), decltype(f36), decltype(f37)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37);
    }
};

template <>
struct Spread<39> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38);
    }
};

template <>
struct Spread<40> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39);
    }
};

template <>
struct Spread<41> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40);
    }
};

template <>
struct Spread<42> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40,
                     f41);
    }
};

template <>
struct Spread<43> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42] =
            whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30), decltype(f31),
                  decltype(f32), decltype(f33), decltype(f34), decltype(f35), decltype(f36), decltype(f37),
                  decltype(f38), decltype(f39), decltype(f40), decltype(f41), decltype(f42)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42);
    }
};

template <>
struct Spread<44> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42,
               f43] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30), decltype(f31),
                  decltype(f32), decltype(f33), decltype(f34), decltype(f35), decltype(f36), decltype(f37),
                  decltype(f38), decltype(f39), decltype(f40), decltype(f41), decltype(f42), decltype(f43)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43);
    }
};

template <>
struct Spread<45> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44);
    }
};

template <>
struct Spread<46> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45);
    }
};

template <>
struct Spread<47> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46);
    }
};

template <>
struct Spread<48> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46), decltype(f47)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46, f47);
    }
};

template <>
struct Spread<49> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30), decltype(f31),
                  decltype(f32), decltype(f33), decltype(f34), decltype(f35), decltype(f36), decltype(f37),
                  decltype(f38), decltype(f39), decltype(f40), decltype(f41), decltype(f42), decltype(f43),
                  decltype(f44), decltype(f45), decltype(f46), decltype(f47), decltype(f48)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
            f44, f45, f46, f47, f48);
    }
};

template <>
struct Spread<50> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30), decltype(f31),
                  decltype(f32), decltype(f33), decltype(f34), decltype(f35), decltype(f36), decltype(f37),
                  decltype(f38), decltype(f39), decltype(f40), decltype(f41), decltype(f42), decltype(f43),
                  decltype(f44), decltype(f45), decltype(f46), decltype(f47), decltype(f48), decltype(f49)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
            f44, f45, f46, f47, f48, f49);
    }
};

template <>
struct Spread<51> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46), decltype(f47),
                           decltype(f48), decltype(f49), decltype(f50)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46, f47, f48, f49, f50);
    }
};

template <>
struct Spread<52> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46), decltype(f47),
                           decltype(f48), decltype(f49), decltype(f50), decltype(f51)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46, f47, f48, f49, f50, f51);
    }
};

template <>
struct Spread<53> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46), decltype(f47),
                           decltype(f48), decltype(f49), decltype(f50), decltype(f51), decltype(f52)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46, f47, f48, f49, f50, f51, f52);
    }
};

template <>
struct Spread<54> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52, f53] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46), decltype(f47),
                           decltype(f48), decltype(f49), decltype(f50), decltype(f51), decltype(f52), decltype(f53)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46, f47, f48, f49, f50, f51, f52, f53);
    }
};

template <>
struct Spread<55> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30), decltype(f31),
                  decltype(f32), decltype(f33), decltype(f34), decltype(f35), decltype(f36), decltype(f37),
                  decltype(f38), decltype(f39), decltype(f40), decltype(f41), decltype(f42), decltype(f43),
                  decltype(f44), decltype(f45), decltype(f46), decltype(f47), decltype(f48), decltype(f49),
                  decltype(f50), decltype(f51), decltype(f52), decltype(f53), decltype(f54)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
            f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54);
    }
};

template <>
struct Spread<56> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30), decltype(f31),
                  decltype(f32), decltype(f33), decltype(f34), decltype(f35), decltype(f36), decltype(f37),
                  decltype(f38), decltype(f39), decltype(f40), decltype(f41), decltype(f42), decltype(f43),
                  decltype(f44), decltype(f45), decltype(f46), decltype(f47), decltype(f48), decltype(f49),
                  decltype(f50), decltype(f51), decltype(f52), decltype(f53), decltype(f54), decltype(f55)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
            f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55);
    }
};

template <>
struct Spread<57> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46), decltype(f47),
                           decltype(f48), decltype(f49), decltype(f50), decltype(f51), decltype(f52), decltype(f53),
                           decltype(f54), decltype(f55), decltype(f56)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56);
    }
};

template <>
struct Spread<58> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46), decltype(f47),
                           decltype(f48), decltype(f49), decltype(f50), decltype(f51), decltype(f52), decltype(f53),
                           decltype(f54), decltype(f55), decltype(f56), decltype(f57)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57);
    }
};

template <>
struct Spread<59> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46), decltype(f47),
                           decltype(f48), decltype(f49), decltype(f50), decltype(f51), decltype(f52), decltype(f53),
                           decltype(f54), decltype(f55), decltype(f56), decltype(f57), decltype(f58)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58);
    }
};

template <>
struct Spread<60> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46), decltype(f47),
                           decltype(f48), decltype(f49), decltype(f50), decltype(f51), decltype(f52), decltype(f53),
                           decltype(f54), decltype(f55), decltype(f56), decltype(f57), decltype(f58), decltype(f59)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59);
    }
};

template <>
struct Spread<61> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30), decltype(f31),
                  decltype(f32), decltype(f33), decltype(f34), decltype(f35), decltype(f36), decltype(f37),
                  decltype(f38), decltype(f39), decltype(f40), decltype(f41), decltype(f42), decltype(f43),
                  decltype(f44), decltype(f45), decltype(f46), decltype(f47), decltype(f48), decltype(f49),
                  decltype(f50), decltype(f51), decltype(f52), decltype(f53), decltype(f54), decltype(f55),
                  decltype(f56), decltype(f57), decltype(f58), decltype(f59), decltype(f60)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
            f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60);
    }
};

template <>
struct Spread<62> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60, f61] = whole;
        return visit(
            Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5), decltype(f6),
                  decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11), decltype(f12), decltype(f13),
                  decltype(f14), decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24), decltype(f25),
                  decltype(f26), decltype(f27), decltype(f28), decltype(f29), decltype(f30), decltype(f31),
                  decltype(f32), decltype(f33), decltype(f34), decltype(f35), decltype(f36), decltype(f37),
                  decltype(f38), decltype(f39), decltype(f40), decltype(f41), decltype(f42), decltype(f43),
                  decltype(f44), decltype(f45), decltype(f46), decltype(f47), decltype(f48), decltype(f49),
                  decltype(f50), decltype(f51), decltype(f52), decltype(f53), decltype(f54), decltype(f55),
                  decltype(f56), decltype(f57), decltype(f58), decltype(f59), decltype(f60), decltype(f61)>{},
            f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
            f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
            f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60, f61);
    }
};

template <>
struct Spread<63> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60, f61, f62] = whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46), decltype(f47),
                           decltype(f48), decltype(f49), decltype(f50), decltype(f51), decltype(f52), decltype(f53),
                           decltype(f54), decltype(f55), decltype(f56), decltype(f57), decltype(f58), decltype(f59),
                           decltype(f60), decltype(f61), decltype(f62)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60, f61,
                     f62);
    }
};

template <>
struct Spread<64> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},    {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
    template <class T, class Visit>
    static constexpr auto over(T& whole, Visit visit) {
        auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
               f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43,
               f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60, f61, f62, f63] =
            whole;
        return visit(Types<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4), decltype(f5),
                           decltype(f6), decltype(f7), decltype(f8), decltype(f9), decltype(f10), decltype(f11),
                           decltype(f12), decltype(f13), decltype(f14), decltype(f15), decltype(f16), decltype(f17),
                           decltype(f18), decltype(f19), decltype(f20), decltype(f21), decltype(f22), decltype(f23),
                           decltype(f24), decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                           decltype(f30), decltype(f31), decltype(f32), decltype(f33), decltype(f34), decltype(f35),
                           decltype(f36), decltype(f37), decltype(f38), decltype(f39), decltype(f40), decltype(f41),
                           decltype(f42), decltype(f43), decltype(f44), decltype(f45), decltype(f46), decltype(f47),
                           decltype(f48), decltype(f49), decltype(f50), decltype(f51), decltype(f52), decltype(f53),
                           decltype(f54), decltype(f55), decltype(f56), decltype(f57), decltype(f58), decltype(f59),
                           decltype(f60), decltype(f61), decltype(f62), decltype(f63)>{},
                     f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                     f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41,
                     f42, f43, f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60, f61,
                     f62, f63);
    }
};

template <>
struct Spread<65> {
    template <class T, class... P>
    static constexpr bool takes = requires {
        T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, P{}...};
    };
};
static_assert(max_fields == 64, "the table above ends there");

template <class T, std::size_t N, class... P>
inline constexpr bool takes = Spread<N>::template takes<T, P...>;

/// The most empty initialisers that T takes, between two numbers of which it takes the first only.
template <class T, std::size_t Taken, std::size_t Refused>
consteval std::size_t most_taken() {
    if constexpr (Taken + 1 == Refused)
        return Taken;
    else if constexpr (takes<T, (Taken + Refused) / 2>)
        return most_taken<T, (Taken + Refused) / 2, Refused>();
    else
        return most_taken<T, Taken, (Taken + Refused) / 2>();
}
template <class T, std::size_t Taken = 0>
consteval std::size_t most_taken_from() {
    constexpr std::size_t next = Taken == 0 ? 2 : Taken * 2;
    if constexpr (Taken > max_fields)
        return Taken;
    else if constexpr (takes<T, (next < 65 ? next : 65)>)
        return most_taken_from<T, (next < 65 ? next : 65)>();
    else
        return most_taken<T, Taken, (next < 65 ? next : 65)>();
}

// Some field cannot be initialised from {}: count by conversions instead, where an array swallows
// as many of them as it has elements.
template <class T, class I, class J, class K>
inline constexpr bool takes_anything = false;
template <class T, std::size_t... I, std::size_t... J, std::size_t... K>
inline constexpr bool
    takes_anything<T, std::index_sequence<I...>, std::index_sequence<J...>, std::index_sequence<K...>> = requires {
    T{(static_cast<void>(I), FromAnything{})...,
      {(static_cast<void>(J), FromAnything{})...},
      (static_cast<void>(K), FromAnything{})...};
};
template <class T, class I, class... P>
inline constexpr bool takes_flat = false;
template <class T, std::size_t... I, class... P>
inline constexpr bool takes_flat<T, std::index_sequence<I...>, P...> = requires {
    T{(static_cast<void>(I), FromAnything{})..., P{}...};
};

inline constexpr std::size_t uncountable = std::size_t(-1);

inline constexpr std::size_t most_flat = max_fields + 32;  // long arrays take more than is worth trying

template <class T, std::size_t N = most_flat>
consteval std::size_t flat_count() {
    if constexpr (takes_flat<T, std::make_index_sequence<N>>)
        return N == most_flat ? uncountable : N;
    else if constexpr (N == 0)
        return uncountable;
    else
        return flat_count<T, N - 1>();
}
/// How many of the `Flat` conversions the field at the `I`th one takes.
template <class T, std::size_t Flat, std::size_t I, std::size_t Extent>
consteval std::size_t swallowed() {
    if constexpr (Extent < 2)
        return 1;
    else {
        using Before = std::make_index_sequence<I>;
        using Array = std::make_index_sequence<Extent>;
        if constexpr (takes_anything<T, Before, Array, std::make_index_sequence<Flat - I - Extent>> &&
                      !takes_anything<T, Before, Array, std::make_index_sequence<Flat - I - Extent + 1>>)
            return Extent;
        else
            return swallowed<T, Flat, I, Extent - 1>();
    }
}
template <class T, std::size_t Flat, std::size_t I = 0>
consteval std::size_t irregular_count() {
    if constexpr (Flat == uncountable)
        return uncountable;
    else if constexpr (I >= Flat)
        return 0;
    else
        return 1 + irregular_count<T, Flat, I + swallowed<T, Flat, I, Flat - I>()>();
}

template <class T, class... Bases>
consteval std::size_t base_count() {
    if constexpr (sizeof...(Bases) < max_fields && takes<T, 0, Bases..., FromBase<T>>)
        return base_count<T, Bases..., FromBase<T>>();
    else
        return sizeof...(Bases);
}
template <class T, class... Bases>
consteval std::size_t empty_base_count() {
    if constexpr (sizeof...(Bases) < max_fields && takes<T, 0, Bases..., FromEmptyBase<T>>)
        return empty_base_count<T, Bases..., FromEmptyBase<T>>();
    else
        return sizeof...(Bases);
}

template <class T, std::size_t... I>
consteval bool unnamed_union_in(std::index_sequence<I...>) {
    return (takes<T, I, FromUnnamedUnion> || ...);
}
template <class T, std::size_t... I>
consteval bool unnamed_union_in_flat(std::index_sequence<I...>) {
    return (takes_flat<T, std::make_index_sequence<I>, FromUnnamedUnion> || ...);
}

struct Counted {
    FieldsSeen seen;
    std::size_t count;
};

template <class T>
consteval Counted count_fields() {
    if constexpr (std::is_empty_v<T>)
        return {FieldsSeen::all, 0};
    else {
        constexpr std::size_t bases = base_count<T>();
        if constexpr (bases != empty_base_count<T>())
            return {FieldsSeen::base_with_fields, 0};
        else {
            constexpr std::size_t regular = most_taken_from<T>();
            if constexpr (regular > max_fields)
                return {FieldsSeen::too_many, regular};
            else if constexpr (takes<T, 0> && !takes<T, regular, FromAnything>) {
                if constexpr (unnamed_union_in<T>(std::make_index_sequence<regular>{}))
                    return {FieldsSeen::unnamed_union, 0};
                else
                    return {FieldsSeen::all, regular - bases};
            } else {
                constexpr std::size_t flat = flat_count<T>();
                constexpr std::size_t count = irregular_count<T, flat>();
                if constexpr (flat == uncountable || count == 0)
                    return {FieldsSeen::uncountable, 0};
                else if constexpr (count > max_fields)
                    return {FieldsSeen::too_many, count};
                else if constexpr (unnamed_union_in_flat<T>(std::make_index_sequence<flat>{}))
                    return {FieldsSeen::unnamed_union, 0};
                else
                    return {FieldsSeen::all, count - bases};
            }
        }
    }
}

struct TakeTypes {
    template <class... Declared, class... F>
    constexpr Types<Declared...> operator()(Types<Declared...>, const F&...) const {
        return {};
    }
};

template <class T, std::size_t N>
consteval auto field_types() {
    if constexpr (N == 0)
        return Types<>{};
    else
        return decltype(Spread<N>::over(std::declval<T&>(), TakeTypes{})){};
}

template <std::size_t I, class F>
struct Address {
    F* to;
};
template <class I, class... F>
struct Addresses;
template <std::size_t... I, class... F>
struct Addresses<std::index_sequence<I...>, F...> : Address<I, F>... {};

// Fields by reference to const: a bit-field or a reference makes the call no constant expression.
struct TakeAddresses {
    template <class Declared, class... F>
    constexpr auto operator()(Declared, const F&... field) const {
        return Addresses<std::index_sequence_for<F...>, const F...>{{__builtin_addressof(field)}...};
    }
};

template <class T, std::size_t N>
constexpr bool take_addresses() {
    static_cast<void>(Spread<N>::over(std::as_const(shadow<T>.value), TakeAddresses{}));
    return true;
}
template <class T, std::size_t N>
inline constexpr bool addressable = requires {
    typename std::bool_constant<take_addresses<T, N>()>;
};

template <class T>
inline constexpr bool addressable<T, 0> = true;

template <class T, std::size_t N>
inline constexpr auto addresses = Spread<N>::over(std::as_const(shadow<T>.value), TakeAddresses{});

template <std::size_t I, class F>
constexpr F* pick(const Address<I, F>& field) {
    return field.to;
}

template <std::size_t I, class First, class... Rest>
consteval auto nth_type(Types<First, Rest...>) {
    if constexpr (I == 0)
        return std::type_identity<First>{};
    else
        return nth_type<I - 1>(Types<Rest...>{});
}

/// The name at the end of what a compiler calls a pointer: `{&shadow.value.id}` or `(& ...Order::id)}`.
template <Pointer P>
consteval std::string_view last_name() {
    std::string_view name = pretty_value<P>();
    while (!is_name_char(name.back())) name.remove_suffix(1);
    std::size_t front = name.size();
    while (is_name_char(name[front - 1])) --front;
    return name.substr(front);
}

// Where a field is: one compiler folds the difference of two addresses, the other compares them.
template <Pointer P, Pointer Start>
inline constexpr std::ptrdiff_t folded_difference =
    __builtin_constant_p(static_cast<const char*>(static_cast<const void*>(P.to)) -
                         static_cast<const char*>(static_cast<const void*>(Start.to)))
        ? static_cast<const char*>(static_cast<const void*>(P.to)) -
              static_cast<const char*>(static_cast<const void*>(Start.to))
        : -1;

template <class T>
consteval std::size_t searched_offset(const void* field) {
    std::size_t first = 0;
    std::size_t last = sizeof(T);
    while (first < last) {
        const std::size_t middle = first + (last - first) / 2;
        if (static_cast<const void*>(&shadow<T>.bytes[middle]) < field)
            first = middle + 1;
        else
            last = middle;
    }
    return first;
}

template <class T, Pointer P>
consteval std::size_t offset_in() {
    constexpr std::ptrdiff_t folded = folded_difference<P, Pointer{&shadow<T>.value}>;
    if constexpr (folded >= 0)
        return static_cast<std::size_t>(folded);
    else
        return searched_offset<T>(P.to);
}

}  // namespace detail

/// What can be seen of the aggregate T. `count`: its fields, bases not counted. `named`: the fields
/// have addresses and so names and offsets (false when one is a bit-field or a reference).
template <class T>
struct Fields {
    static_assert(std::is_aggregate_v<T> && !std::is_array_v<T> && !std::is_union_v<T> && !std::is_const_v<T>);

    static constexpr FieldsSeen seen = detail::count_fields<T>().seen;
    static constexpr std::size_t count = seen == FieldsSeen::all ? detail::count_fields<T>().count : 0;
    static constexpr bool named = detail::addressable<T, count>;

    template <std::size_t I>
    using type = typename decltype(detail::nth_type<I>(detail::field_types<T, count>()))::type;
    template <std::size_t I>
    static constexpr detail::Pointer pointer{detail::pick<I>(detail::addresses<T, count>)};
};

/// Name, and offset in bytes, of the Ith field; T's fields must be `named`.
template <class T, std::size_t I>
inline constexpr std::string_view field_name = detail::last_name<Fields<T>::template pointer<I>>();
template <class T, std::size_t I>
inline constexpr std::size_t field_offset = detail::offset_in<T, Fields<T>::template pointer<I>>();

}  // namespace tenon
