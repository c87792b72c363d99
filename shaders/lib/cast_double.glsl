// Conversions of doubles, which lie as two words, the low one first, in integers. With lib/int64.glsl.

const uvec2 LARGEST_LONG = uvec2(0xffffffffu, 0x7fffffffu);

uint exponent_of(uvec2 x) { return x.y >> 20 & 0x7ffu; }
bool is_nan(uvec2 x) { return exponent_of(x) == 0x7ffu && (x.x | (x.y & 0xfffffu)) != 0u; }
int nonzero(uvec2 x) { return int((x.x | x.y << 1) != 0u); }

uvec2 doubled(float x) {
    uint bits = floatBitsToUint(x), exponent = bits >> 23 & 0xffu, digits = bits & 0x7fffffu;
    if (exponent == 0u && digits == 0u) return uvec2(0u, bits);
    if (exponent == 0u) {
        int top = findMSB(digits);
        digits = digits << (23 - top) & 0x7fffffu;
        exponent = uint(top + 874);
    } else exponent = exponent == 0xffu ? 0x7ffu : exponent + 896u;
    return uvec2(digits << 29, (bits & 0x80000000u) | exponent << 20 | digits >> 3);
}

// The nearest double to an integer, of two as near the even one.
uvec2 doubled(ivec2 x) {
    uvec2 n = uvec2(x.y < 0 ? negated(x) : x);
    if (n == uvec2(0u)) return n;
    int top = n.y != 0u ? 32 + findMSB(n.y) : findMSB(n.x), up = 63 - top;
    if (up >= 32) n = uvec2(0u, n.x << (up - 32));
    else if (up > 0) n = uvec2(n.x << up, n.y << up | n.x >> (32 - up));
    uint below = n.x & 0x7ffu;
    uvec2 made = uvec2(n.x >> 11 | n.y << 21, (n.y >> 11 & 0xfffffu) | uint(top + 1023) << 20);
    if (below > 0x400u || (below == 0x400u && (made.x & 1u) == 1u)) {
        made.x += 1u;
        if (made.x == 0u) made.y += 1u;
    }
    return uvec2(made.x, made.y | (x.y < 0 ? 0x80000000u : 0u));
}

// The nearest float, of two as near the even one.
float narrowed(uvec2 x) {
    uint sign = x.y & 0x80000000u, high = (x.y & 0xfffffu) | 0x100000u;
    int exponent = int(exponent_of(x)) - 896, away = 29 + max(0, 1 - exponent);
    if (is_nan(x)) return uintBitsToFloat(0x7fc00000u);
    if (exponent >= 255) return uintBitsToFloat(sign | 0x7f800000u);
    if (away > 53) return uintBitsToFloat(sign);
    uint kept = away < 32 ? x.x >> away | high << (32 - away) : high >> (away - 32);
    uint first = away < 33 ? x.x >> (away - 1) & 1u : high >> (away - 33) & 1u;
    uint rest = away < 33 ? x.x & ((1u << (away - 1)) - 1u) : x.x | (high & ((1u << (away - 33)) - 1u));
    if (first == 1u && (rest != 0u || (kept & 1u) == 1u)) kept += 1u;
    return uintBitsToFloat(sign | (kept + (uint(max(exponent, 1) - 1) << 23)));
}

// Towards 0; what 64 bits do not hold becomes their limit, and a NaN the upper one.
ivec2 truncated(uvec2 x) {
    int exponent = int(exponent_of(x)) - 1023, away = 52 - exponent;
    bool negative = int(x.y) < 0 && !is_nan(x);
    if (exponent < 0) return ivec2(0);
    if (exponent > 62) return ivec2(negative ? ~LARGEST_LONG : LARGEST_LONG);
    uvec2 n = uvec2(x.x, (x.y & 0xfffffu) | 0x100000u);
    if (away >= 32) n = uvec2(n.y >> (away - 32), 0u);
    else if (away > 0) n = uvec2(n.x >> away | n.y << (32 - away), n.y >> away);
    else if (away < 0) n = uvec2(n.x << -away, n.y << -away | n.x >> (32 + away));
    return negative ? negated(ivec2(n)) : ivec2(n);
}

int saturated(ivec2 x, int low, int high) { return x.y != x.x >> 31 ? (x.y < 0 ? low : high) : clamp(x.x, low, high); }
uint saturated(ivec2 x) { return x.y < 0 ? 0u : x.y > 0 ? 0xffffffffu : uint(x.x); }
