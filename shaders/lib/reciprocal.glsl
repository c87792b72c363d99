// Reciprocals in fixed point, by lib/quantized.glsl. Q0.31 is a fraction of 2 ** 31.

// x * 2 ** k, at most the largest int.
int raised(int x, int k) { return x > 0x7fffffff >> k ? 0x7fffffff : x << k; }

// 1 / (1 + y) for y in Q0.31, from 0 to 1: Newton's method, in Q2.29 (gemmlowp's one_over_one_plus_x_for_x_in_0_1).
int reciprocal_of_more(int y) {
    int half_denominator = (y >> 1) + 0x40000000;  // half of y + 2 ** 31
    int r = 1515870810 + high_product(half_denominator, -1010580540);
    for (int k = 0; k < 3; k++) r += high_product(r, (1 << 29) - high_product(half_denominator, r)) << 2;
    return raised(r, 1);
}

// 1 / x as the result * 2 ** -(31 + findMSB(x)), for x > 0 (GetReciprocal).
int reciprocal(int x) { return reciprocal_of_more(int((uint(x) << (31 - findMSB(x))) - 0x80000000u)); }

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

// (m, shift) so that 1 / sqrt(n) is m * 2 ** (shift - 31), for n >= 0, by Newton's method in Q3.28; 1 for 0
// (GetInvSqrtQuantizedMultiplierExp).
ivec2 inverse_square_root(int n) {
    if (n <= 1) return ivec2(0x7fffffff, 0);
    int down = 11;
    for (; n >= 1 << 29; n /= 4) down++;
    int pairs = (30 - findMSB(n)) / 2 - 1;
    down -= pairs;
    int half_input = divided_by_power((n << (2 * pairs)) >> 1, 1);
    int x = 1 << 28;
    for (int k = 0; k < 5; k++) {
        int cube = raised(high_product(high_product(x, x), x), 6);
        x = raised(high_product(x, 3 << 27) - high_product(half_input, cube), 3);
    }
    x = high_product(x, 1518500250);  // sqrt(1/2)
    return down < 0 ? ivec2(x << -down, 0) : ivec2(x, -down);
}
