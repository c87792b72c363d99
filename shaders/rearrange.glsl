// Some elements of `source`, each to its place.

void main() {
    uint i = invocation();
    if (i < uint(COUNT)) store(places(i), source(elements(i)));
}
