// RESULT, of the row whose key is the one wanted for each INNER values, or of -1.

int row_of(int key) {
    int low = 0, high = KEYS;
    while (low < high) {
        int middle = (low + high) / 2;
        int found = keys(middle);
        if (key == found) return middle;
        if (key < found) high = middle;
        else low = middle + 1;
    }
    return -1;
}

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    int row = row_of(wanted(i / uint(INNER)));
    store(i, RESULT);
}
