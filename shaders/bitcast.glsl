// Elements of BEFORE bytes as elements of AFTER bytes, by way of two words of 32 bits.

#define BITS(bytes) (8 * min(bytes, 4))

// Bytes `at` and following of an element, to the end of a word.
uint word_at(uvec2 words, uint at) { return (at < 4u ? words.x : words.y) >> (8u * (at % 4u)); }

uint lowest(uint word, int bytes) { return bytes >= 4 ? word : word & ((1u << BITS(bytes)) - 1u); }

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uvec2 made = uvec2(0u);
#if BEFORE >= AFTER
    uvec2 words = TO_WORDS(source(i / uint(BEFORE / AFTER)));
    uint at = i % uint(BEFORE / AFTER) * uint(AFTER);
    made = uvec2(lowest(word_at(words, at), AFTER), words.y);
#else
    for (uint k = 0u; k < uint(AFTER / BEFORE); k++) {
        uint at = k * uint(BEFORE), part = lowest(TO_WORDS(source(i * uint(AFTER / BEFORE) + k)).x, BEFORE);
        if (at < 4u) made.x |= part << (8u * at);
        else made.y |= part << (8u * (at - 4u));
    }
#endif
#if SIGNED && AFTER < 4
    made.x = uint(int(made.x << (32 - BITS(AFTER))) >> (32 - BITS(AFTER)));
#endif
    store(i, FROM_WORDS(made));
}
