// Sums in 64 bits of products in 32.

struct SUM {
    UTERM low;
    TERM high;
};

void sum_clear(out SUM s) { s = SUM(UTERM(0), TERM(0)); }

void sum_add(inout SUM s, TERM x) {
    UTERM carry;
    s.low = uaddCarry(s.low, UTERM(x), carry);
    s.high += (x >> 31) + TERM(carry);
}

void sum_join(inout SUM s, SUM other) {
    UTERM carry;
    s.low = uaddCarry(s.low, other.low, carry);
    s.high += other.high + TERM(carry);
}
