// Sums of products in the type of the products, TERM: one number, or four.

#define SUM TERM

void sum_clear(out SUM s) { s = TERM(0); }
void sum_add(inout SUM s, TERM x) { s += x; }
void sum_join(inout SUM s, SUM other) { s += other; }
