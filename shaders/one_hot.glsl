// `on` where the INDEX is k, the place in the new axis, else `off`. INNER elements lie behind each place.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    int k = int(i / uint(INNER) % uint(DEPTH));
    uint at = i / uint(INNER * DEPTH) * uint(INNER) + i % uint(INNER);
    store(i, INDEX == k ? on(0) : off(0));
}
