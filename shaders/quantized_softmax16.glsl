// SOFTMAX over rows of values of 16 bits. `exps` and `inverses` are points of 16 bits, 128 apart, with lines between them:
// exp from -10 to 0, and 1 / (1 + x) from 0 to 1, in Q0.15.

#define BETWEEN(points, x)                                                         \
    int k = 256 + (clamp(x, -32768, 32767) >> 7), part = clamp(x, -32768, 32767) & 127; \
    int here = points(k);                                                          \
    return here + (((points(k + 1) - here) * part + 64) >> 7);

int exponential(int below) { BETWEEN(exps, multiplied(below, MULTIPLIER, SHIFT) + 32767) }
int inverted(int x) { BETWEEN(inverses, x) }

void main() {
    int peak = row_peak(), sum = row_sum(peak);  // Q16.15
    int bits = findMSB(sum);
    uint shifted = ((uint(sum) << (30 - bits)) + (1u << 13)) >> 14;  // from 2 ** 16 to 2 ** 17, as 1 to 2
    int scale = inverted(int(shifted) - (1 << 15) - (1 << 16));
    OWN_VALUES(i) {
        int x = (exponential(source(i) - peak) * scale + (1 << (bits - 1))) >> bits;
        store(i, clamp(x, 0, 32767));
    }
}
