// From a sum of products to the 8-bit output: `rescale` holds (bias, multiplier, shift) of each channel, or of each four.

RESCALED rescaled(RESCALED sum, uint k) {
    RESCALED x = multiplied(sum + rescale(3u * k), rescale(3u * k + 1u), rescale(3u * k + 2u));
    return clamp(x + OUT_ZERO, LOW, HIGH);
}
