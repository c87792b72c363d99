// LOG_SOFTMAX over rows of 8-bit values. Qn.m is a number / 2 ** m.

int exponential(int below) { return divided_by_power(exps(-below), 12); }  // Q12.19

// log(x) in Q5.26 of x in Q12.19, from 1 on (TFLite's log_x_for_x_greater_than_or_equal_to_1, common.h): by a quotient of
// polynomials around sqrt(sqrt(1/2)), of x times the power of 2, or that and sqrt(1/2), which brings it nearest.
int logarithm(int x) {
    int zeros = 31 - findMSB(x);
    int a = raised(high_product(raised(x, zeros - 1), 1518500250), 1);
    int a_power = ((12 - zeros) << 25) + (1 << 23);  // Q6.25
    int headroom = 30 - findMSB(high_product(x, 1518500250));
    int b = raised(x, headroom);
    int b_power = ((12 - headroom) << 25) - (1 << 23);
    int r = min(a, b), near = 1805811301;
    int p = int((uint(r) + uint(near) + 1u) >> 1);
    int q = 2 * (r - near);
    int square = high_product(q, q);
    int above = high_product(q, r) + high_product(high_product(q, square), 117049297);
    int below = high_product(p, 1057819769 + q + high_product(127690142, square)) + high_product(638450708, q);
    int fraction = high_product(divided_by_power(above, 6), reciprocal_of_more(below));
    return raised(high_product(max(a_power, b_power), 1488522236) + fraction, 1);  // log(2)
}

void main() {
    int peak = row_peak(), whole = logarithm(row_sum(peak));
    int least = max(LEAST - 1, multiplied(whole - 2147483647 - 1, BACK, BACK_SHIFT));
    OWN_VALUES(i) {
        int below = source(i) - peak;
        int x = divided_by_power(multiplied(below, MULTIPLIER, SHIFT) - whole, 22) + HIGH;
        store(i, below > least ? clamp(x, LOW, HIGH) : LOW);
    }
}
