// Numbers of FLOAT64 by their bits, as uvec2: the low word first.

bool is_nan(uvec2 x) {
    uint high = x.y & 0x7fffffffu;
    return high > 0x7ff00000u || (high == 0x7ff00000u && x.x != 0u);
}

// Integers in the order of the numbers; both zeros are 0.
ivec2 ordered(uvec2 x) {
    ivec2 size = ivec2(x.x, x.y & 0x7fffffffu);
    return x.y >> 31 == 1u ? negated(size) : size;
}

bool below(uvec2 x, uvec2 y) { return !is_nan(x) && !is_nan(y) && below(ordered(x), ordered(y)); }

uvec2 larger(uvec2 x, uvec2 y) { return below(x, y) ? y : x; }
uvec2 smaller(uvec2 x, uvec2 y) { return below(y, x) ? y : x; }
uvec2 signum(uvec2 x) { return is_nan(x) || ordered(x) == ivec2(0) ? uvec2(0u) : uvec2(0u, (x.y & 0x80000000u) | 0x3ff00000u); }
