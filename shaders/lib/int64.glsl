// Integers of 64 bits as ivec2: the low word first, two's complement.

ivec2 widen(int x) { return ivec2(x, x >> 31); }
// The nearest of 32 bits; of these, themselves.
int clipped(int x) { return x; }
int clipped(ivec2 x) { return x.y == x.x >> 31 ? x.x : x.y < 0 ? int(0x80000000u) : 0x7fffffff; }
bool negative(ivec2 x) { return x.y < 0; }

ivec2 plus(ivec2 x, ivec2 y) {
    uint carry;
    uint low = uaddCarry(uint(x.x), uint(y.x), carry);
    return ivec2(low, uint(x.y) + uint(y.y) + carry);
}

ivec2 negated(ivec2 x) { return plus(~x, ivec2(1, 0)); }
ivec2 minus(ivec2 x, ivec2 y) { return plus(x, negated(y)); }

// By halves of words, for Mesa 22 folds `umulExtended` of constants wrong.
ivec2 times(ivec2 x, ivec2 y) {
    uint a = uint(x.x) & 0xffffu, b = uint(x.x) >> 16, c = uint(y.x) & 0xffffu, d = uint(y.x) >> 16;
    uint middle = a * d + (a * c >> 16), upper = b * c + (middle & 0xffffu);
    uint high = b * d + (middle >> 16) + (upper >> 16);
    return ivec2(uint(x.x) * uint(y.x), high + uint(x.x) * uint(y.y) + uint(x.y) * uint(y.x));
}

// x * m / 2 ** e to the nearest integer, halves up; e is above 0 (MultiplyByQuantizedMultiplier of an int64_t).
int scaled(ivec2 x, int m, int e) {
    x = plus(times(x, widen(m)), e > 32 ? ivec2(0, 1 << (e - 33)) : ivec2(1 << (e - 1), 0));
    return e < 32 ? int((uint(x.x) >> e) | (uint(x.y) << (32 - e))) : x.y >> (e - 32);
}

// As unsigned numbers; and of numbers.
bool below_unsigned(ivec2 x, ivec2 y) { return x.y == y.y ? uint(x.x) < uint(y.x) : uint(x.y) < uint(y.y); }
bool below(ivec2 x, ivec2 y) { return x.y == y.y ? uint(x.x) < uint(y.x) : x.y < y.y; }

int is_equal(ivec2 x, ivec2 y) { return int(x == y); }
int is_not_equal(ivec2 x, ivec2 y) { return int(x != y); }
int is_less(ivec2 x, ivec2 y) { return int(below(x, y)); }
int is_less_equal(ivec2 x, ivec2 y) { return int(!below(y, x)); }
int is_greater(ivec2 x, ivec2 y) { return int(below(y, x)); }
int is_greater_equal(ivec2 x, ivec2 y) { return int(!below(x, y)); }

ivec2 larger(ivec2 x, ivec2 y) { return below(x, y) ? y : x; }
ivec2 smaller(ivec2 x, ivec2 y) { return below(y, x) ? y : x; }

ivec2 relu(ivec2 x) { return larger(x, ivec2(0)); }
ivec2 relu6(ivec2 x) { return smaller(larger(x, ivec2(0)), ivec2(6, 0)); }
ivec2 relu1(ivec2 x) { return smaller(larger(x, ivec2(-1)), ivec2(1, 0)); }

// Unsigned, by long division, a bit at a time; dividing by 0 gives x.
ivec2 remainder_unsigned(ivec2 x, ivec2 y) {
    ivec2 r = ivec2(0);
    for (int bit = 63; bit >= 0; bit--) {
        bool over = r.y < 0;
        r = ivec2((r.x << 1) | ((bit > 31 ? x.y >> (bit - 32) : x.x >> bit) & 1), (r.y << 1) | ((r.x >> 31) & 1));
        if (over || !below_unsigned(r, y)) r = minus(r, y);
    }
    return r;
}

// Towards 0, by long division of magnitudes; nothing is divided by 0.
ivec2 quotient(ivec2 x, ivec2 y) {
    ivec2 m = negative(x) ? negated(x) : x, n = negative(y) ? negated(y) : y, r = ivec2(0), q = ivec2(0);
    for (int bit = 63; bit >= 0; bit--) {
        r = ivec2((r.x << 1) | ((bit > 31 ? m.y >> (bit - 32) : m.x >> bit) & 1), (r.y << 1) | ((r.x >> 31) & 1));
        q = ivec2(q.x << 1, (q.y << 1) | ((q.x >> 31) & 1));
        if (!below_unsigned(r, n)) {
            r = minus(r, n);
            q.x |= 1;
        }
    }
    return negative(x) != negative(y) ? negated(q) : q;
}

ivec2 floor_mod(ivec2 x, ivec2 y) {
    ivec2 r = remainder_unsigned(negative(x) ? negated(x) : x, negative(y) ? negated(y) : y);
    if (negative(x)) r = negated(r);
    return r != ivec2(0) && negative(x) != negative(y) ? plus(r, y) : r;
}

// To the nearest float, of two as near the even one: the uppermost 32 bits, the last of which stands for all below.
float narrow(ivec2 x) {
    ivec2 m = negative(x) ? negated(x) : x;
    int shift = findMSB(uint(m.y)) + 1;
    uint upper = uint(m.x);
    if (shift > 0) {
        uint lost = shift > 31 ? upper : upper & ((1u << shift) - 1u);
        upper = shift > 31 ? uint(m.y) : (upper >> shift) | (uint(m.y) << (32 - shift));
        if (lost != 0u) upper |= 1u;
    }
    float r = float(upper) * uintBitsToFloat(uint(127 + shift) << 23);
    return negative(x) ? -r : r;
}

// Towards 0; beyond what 64 bits hold the limit, and the highest number for a NaN.
ivec2 widen(float x) {
    uint bits = floatBitsToUint(x);
    int exponent = int((bits >> 23) & 255u) - 127;
    bool minus_sign = (bits >> 31) == 1u && !is_nan(x);
    if (exponent < 0) return ivec2(0);
    if (exponent >= 63) return minus_sign ? ivec2(0, 0x80000000u) : ivec2(0xffffffffu, 0x7fffffff);
    uint mantissa = (bits & 0x7fffffu) | 0x800000u;
    int shift = exponent - 23;
    ivec2 r = shift <= 0 ? ivec2(mantissa >> -shift, 0)
            : shift > 31 ? ivec2(0, mantissa << (shift - 32))
            : ivec2(mantissa << shift, mantissa >> (32 - shift));
    return minus_sign ? negated(r) : r;
}

// Unsigned x / 2 ** by; its last bit stands for all that are lost.
ivec2 dropped(ivec2 x, int by) {
    uvec2 n = uvec2(x);
    if (by <= 0) return x;
    if (by > 63) return ivec2(int(x != ivec2(0)), 0);
    uint lost = by > 31 ? n.x | (n.y & ((1u << (by - 32)) - 1u)) : n.x & ((1u << by) - 1u);
    n = by > 31 ? uvec2(n.y >> (by - 32), 0u) : uvec2(n.x >> by | n.y << (32 - by), n.y >> by);
    return ivec2(n | uvec2(lost != 0u, false));
}
