// Sums, products and quotients of FLOAT64, rounded once, to the nearest, of two as near the even one; subnormal ones too.
// By their bits, as uvec2. With lib/int64.glsl and lib/float64.glsl.

const uvec2 NO_NUMBER = uvec2(0u, 0x7ff80000u);
const uint INFINITE = 0x7ff00000u;  // the upper word

bool is_zero(uvec2 x) { return (x.x | x.y << 1) == 0u; }
bool is_infinite(uvec2 x) { return (x.y & 0x7fffffffu) == INFINITE && x.x == 0u; }
uvec2 magnitude(uvec2 x) { return uvec2(x.x, x.y & 0x7fffffffu); }

// n * 2 ** by of unsigned n, with 0 <= by < 64.
uvec2 raised(uvec2 n, int by) {
    return by == 0 ? n : by > 31 ? uvec2(0u, n.x << (by - 32)) : uvec2(n.x << by, n.y << by | n.x >> (32 - by));
}

// A finite number but 0 is digits * 2 ** exponent, the uppermost of 64 bits of digits set.
void taken_apart(uvec2 x, out uvec2 digits, out int exponent) {
    int field = int(x.y >> 20 & 0x7ffu);
    digits = uvec2(x.x, (x.y & 0xfffffu) | (field > 0 ? 0x100000u : 0u));
    int up = 63 - (digits.y != 0u ? 32 + findMSB(digits.y) : findMSB(digits.x));
    digits = raised(digits, up);
    exponent = max(field, 1) - 1075 - up;
}

// The number nearest to n * 2 ** exponent of unsigned n, the last bit of which stands for all below; with the sign.
uvec2 put_together(uint sign, int exponent, uvec2 n) {
    if (n == uvec2(0u)) return uvec2(0u, sign);
    int up = 63 - (n.y != 0u ? 32 + findMSB(n.y) : findMSB(n.x));
    int field = exponent - up + 1086;
    if (field > 2046) return uvec2(0u, sign | INFINITE);
    n = raised(n, up);
    if (field < 1) n = uvec2(dropped(ivec2(n), 1 - field));
    uint below = n.x & 0x7ffu;
    ivec2 kept = ivec2(n.x >> 11 | n.y << 21, (n.y >> 11) + (uint(max(field, 1) - 1) << 20));
    if (below > 0x400u || (below == 0x400u && (kept.x & 1) == 1)) kept = plus(kept, ivec2(1, 0));
    return uvec2(kept.x, uint(kept.y) | sign);
}

uvec2 plus(uvec2 x, uvec2 y) {
    if (is_nan(x) || is_nan(y) || (is_infinite(x) && is_infinite(y) && x != y)) return NO_NUMBER;
    if (is_infinite(x) || is_zero(y)) return is_zero(x) ? uvec2(0u, x.y & y.y) : x;
    if (is_infinite(y) || is_zero(x)) return y;
    if (below_unsigned(ivec2(magnitude(x)), ivec2(magnitude(y)))) {
        uvec2 other = x;
        x = y;
        y = other;
    }
    uvec2 m, n;
    int upper, lower;
    taken_apart(x, m, upper);
    taken_apart(y, n, lower);
    ivec2 most = dropped(ivec2(m), 1), least = dropped(ivec2(n), 1 + upper - lower);
    ivec2 digits = (x.y ^ y.y) >> 31 == 0u ? plus(most, least) : minus(most, least);
    return put_together(digits == ivec2(0) ? 0u : x.y & 0x80000000u, upper + 1, uvec2(digits));
}

uvec2 minus(uvec2 x, uvec2 y) { return plus(x, uvec2(y.x, y.y ^ 0x80000000u)); }

uvec2 times(uvec2 x, uvec2 y) {
    uint sign = (x.y ^ y.y) & 0x80000000u;
    if (is_nan(x) || is_nan(y) || (is_infinite(x) && is_zero(y)) || (is_zero(x) && is_infinite(y))) return NO_NUMBER;
    if (is_infinite(x) || is_infinite(y)) return uvec2(0u, sign | INFINITE);
    if (is_zero(x) || is_zero(y)) return uvec2(0u, sign);
    uvec2 m, n;
    int first, second;
    taken_apart(x, m, first);
    taken_apart(y, n, second);
    // Of 128 bits the upper 64.
    ivec2 lowest = times(ivec2(m.x, 0), ivec2(n.x, 0)), highest = times(ivec2(m.y, 0), ivec2(n.y, 0));
    ivec2 middle = plus(times(ivec2(m.x, 0), ivec2(n.y, 0)), ivec2(lowest.y, 0));
    ivec2 other = plus(times(ivec2(m.y, 0), ivec2(n.x, 0)), ivec2(middle.x, 0));
    highest = plus(highest, plus(ivec2(middle.y, 0), ivec2(other.y, 0)));
    if ((lowest.x | other.x) != 0) highest.x |= 1;
    return put_together(sign, first + second + 64, uvec2(highest));
}

uvec2 over(uvec2 x, uvec2 y) {
    uint sign = (x.y ^ y.y) & 0x80000000u;
    if (is_nan(x) || is_nan(y) || (is_infinite(x) && is_infinite(y)) || (is_zero(x) && is_zero(y))) return NO_NUMBER;
    if (is_infinite(x) || is_zero(y)) return uvec2(0u, sign | INFINITE);
    if (is_zero(x) || is_infinite(y)) return uvec2(0u, sign);
    uvec2 m, n;
    int first, second;
    taken_apart(x, m, first);
    taken_apart(y, n, second);
    ivec2 rest = dropped(ivec2(m), 1), divisor = dropped(ivec2(n), 1), found = ivec2(0);
    for (int bit = 0; bit < 62; bit++) {  // rest is below twice the divisor
        found = plus(found, found);
        if (!below_unsigned(rest, divisor)) {
            rest = minus(rest, divisor);
            found.x |= 1;
        }
        rest = plus(rest, rest);
    }
    if (rest != ivec2(0)) found.x |= 1;
    return put_together(sign, first - second - 61, uvec2(found));
}
