// SOFTMAX over rows of 8-bit values. Q0.31 is a fraction of 2 ** 31; the result has BITS.

int exponential(int below) { return divided_by_power(exps(-below), 12); }  // Q12.19

void main() {
    int peak = row_peak(), sum = row_sum(peak);
    int zeros = 31 - findMSB(sum);
    int scale = reciprocal(sum);
    int down = 12 - zeros + 31 - BITS;  // more than 31 if the sum is 512 or more, where each output is nearest to 0
    OWN_VALUES(i) {
        int x = down > 31 ? 0 : divided_by_power(high_product(scale, exps(peak - source(i))), down);
        store(i, clamp(x + LOW, LOW, HIGH));
    }
}
