// Sums of products in double precision, in integers, each step rounded to the nearest, of two as near the even one.
// With lib/int64.glsl. Neither subnormal nor too large: products of floats and integers of 64 bits are not.

// digits * 2 ** exponent, or its negative: of digits bit 62 is the uppermost and the lower ten are 0; or all are, of 0.
struct Double {
    bool negative;
    int exponent;
    ivec2 digits;
};
const Double NOTHING = Double(false, 0, ivec2(0));

// Of unsigned digits of any size.
Double rounded(bool negative, int exponent, ivec2 x) {
    uvec2 n = uvec2(x);
    if (n == uvec2(0u)) return NOTHING;
    int up = 62 - (n.y != 0u ? 32 + findMSB(n.y) : findMSB(n.x));
    if (up < 0) n = uvec2(dropped(x, 1));
    else if (up >= 32) n = uvec2(0u, n.x << (up - 32));
    else if (up > 0) n = uvec2(n.x << up, n.y << up | n.x >> (32 - up));
    uint below = n.x & 0x3ffu;
    n.x -= below;
    ivec2 digits = ivec2(n);
    if (below > 0x200u || (below == 0x200u && (n.x & 0x400u) != 0u)) digits = plus(digits, ivec2(0x400, 0));
    exponent -= up;
    return digits.y < 0 ? Double(negative, exponent + 1, dropped(digits, 1)) : Double(negative, exponent, digits);
}

Double plus(Double x, Double y) {
    if (y.digits == ivec2(0)) return x;
    if (x.digits == ivec2(0)) return y;
    if (x.exponent < y.exponent || (x.exponent == y.exponent && below(x.digits, y.digits))) {
        Double other = x;
        x = y;
        y = other;
    }
    ivec2 digits = dropped(y.digits, x.exponent - y.exponent);
    digits = x.negative == y.negative ? plus(x.digits, digits) : minus(x.digits, digits);
    return rounded(x.negative, x.exponent, digits);
}

// With a float's bits, which are finite: of 95 or 96 bits the upper 64.
Double times(Double x, uint bits) {
    uint exponent = bits >> 23 & 0xffu, digits = bits & 0x7fffffu, high, low, more, carry;
    if (exponent != 0u) digits |= 0x800000u;
    if (digits == 0u || x.digits == ivec2(0)) return NOTHING;
    int up = 31 - findMSB(digits);
    umulExtended(uint(x.digits.x), digits << up, more, low);
    ivec2 upper;
    umulExtended(uint(x.digits.y), digits << up, high, carry);
    upper = plus(ivec2(carry, high), ivec2(more, 0));
    if (low != 0u) upper.x |= 1;
    return rounded(x.negative != (bits >> 31 == 1u), x.exponent + int(max(exponent, 1u)) - 150 - up + 32, upper);
}
