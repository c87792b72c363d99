// From a sum of products to a quantised output: `factors` has (multiplier, shift) for each TERM of channels.

MADE finished(SUM s, uint place, uint channel, uint row) {
    return clamp(multiplied(biased(s, channel), factors(2u * place), factors(2u * place + 1u)) + OUT_ZERO, LOW, HIGH);
}
