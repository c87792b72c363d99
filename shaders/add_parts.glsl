// Sums that were made in PARTS, which lie one after another: four channels of a pixel an invocation.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    SUM sum = parts(i);
    for (uint k = 1u; k < uint(PARTS); k++) sum_join(sum, parts(i + k * ELEMENTS));
    uint pixel = divide(i, uint(FOURS));
    along = i - pixel * uint(FOURS);
    store(i, finished(sum, along, 4u * along, divide(pixel, uint(ROWS_A_SCALE))));
}
