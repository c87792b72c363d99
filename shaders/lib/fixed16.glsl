// Functions of fixed point numbers of 16 bits, as gemmlowp (fixedpoint/fixedpoint.h) has them, bit by bit. `bits` are a
// number's integer bits: x stands for x / 2 ** (15 - bits). Results have none.

int high_product16(int a, int b) { return min((a * b + (1 << 14)) >> 15, 32767); }
int within16(int x) { return clamp(x, -32768, 32767); }

// exp(x) for x from -1/4 on, below 0: a Taylor series around -1/8.
int exp_near_zero16(int x) {
    x += 1 << 12;
    int square = high_product16(x, x);
    int sum = divided_by_power(high_product16(square, square), 2) + high_product16(square, x);
    int series = divided_by_power(high_product16(sum, 10923) + square, 1);  // 1/3
    return min(28918 + high_product16(28918, x + series), 32767);           // exp(-1/8)
}

// exp(x) for x <= 0: what lies above the last quarter, times exp(-2 ** k) for each k from -2 on that is in the rest.
int exp_of_negative16(int x, int bits) {
    const int POWERS[7] = int[7](25520, 19875, 12055, 4435, 600, 11, 0);
    if (x == 0) return 32767;
    if (bits > 5 && x < -(1 << (20 - bits))) return 0;  // below -32
    int quarter = 1 << (13 - bits);
    int last = (x & (quarter - 1)) - quarter;
    int r = exp_near_zero16(last << bits);
    for (int k = 0; k < min(bits + 2, 7); k++)
        if (((last - x) & (quarter << k)) != 0) r = high_product16(r, POWERS[k]);
    return r;
}

// 1 / (1 + x) for x from 0 to 1, by Newton's method, with 2 integer bits.
int reciprocal16(int x) {
    int half_denominator = (x + 32768) >> 1;
    int y = 23130 + high_product16(half_denominator, -15420);  // 48/17, -32/17
    for (int k = 0; k < 3; k++)
        y += within16(high_product16(y, 8192 - high_product16(half_denominator, y)) << 2);
    return y;
}

int logistic16(int x, int bits) {
    if (x == 0) return 16384;
    int r = within16(reciprocal16(exp_of_negative16(-abs(x), bits)) << 1);
    return x > 0 ? r : 32767 - r;
}

// (1 - exp(-2 |x|)) / (1 + exp(-2 |x|)); twice x is x with an integer bit more.
int tanh16(int x, int bits) {
    if (x == 0) return 0;
    int r = within16((reciprocal16(exp_of_negative16(-abs(x), bits + 1)) - 8192) << 2);
    return x > 0 ? r : -r;
}
