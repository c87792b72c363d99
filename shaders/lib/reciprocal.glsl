// Reciprocals in fixed point, by lib/quantized.glsl. Q0.31 is a fraction of 2 ** 31.

// x * 2 ** k, at most the largest int.
int raised(int x, int k) { return x > 0x7fffffff >> k ? 0x7fffffff : x << k; }

// 1 / x as the result * 2 ** -(31 + findMSB(x)), for x > 0 (GetReciprocal): 1 / (1 + y) for y in Q0.31, by Newton's method in
// Q2.29 (gemmlowp's one_over_one_plus_x_for_x_in_0_1).
int reciprocal(int x) {
    int y = int((uint(x) << (31 - findMSB(x))) - 0x80000000u);
    int half_denominator = (y >> 1) + 0x40000000;  // half of y + 2 ** 31
    int r = 1515870810 + high_product(half_denominator, -1010580540);
    for (int k = 0; k < 3; k++) r += high_product(r, (1 << 29) - high_product(half_denominator, r)) << 2;
    return raised(r, 1);
}

// a / b * whole * 2 ** (shift - 31) (DivElementwise). Where a quotient is so small that the reference kernel shifts it by more
// than it has bits, it has what an x86 makes of that, which is not 0.
int quantized_quotient(int a, int b, int whole, int shift) {
    if (b < 0) {
        a = -a;
        b = -b;
    }
    int headroom = 30 - findMSB(a);
    int x = high_product(high_product(a << headroom, reciprocal(b)), whole);
    int down = findMSB(b) + headroom - shift;
    return down > 31 ? (x >> (down & 31)) + int(x >= 0) : divided_by_power(x, max(down, 0));
}
ivec4 quantized_quotient(ivec4 a, ivec4 b, int whole, int shift) {
    ivec4 q;
    for (int c = 0; c < 4; c++) q[c] = quantized_quotient(a[c], b[c], whole, shift);
    return q;
}
