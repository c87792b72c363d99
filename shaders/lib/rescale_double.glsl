// From a sum of products to the 8-bit output, by way of doubles: `rescale` holds (bias, low, high, e) of each four channels.

RESCALED rescaled(RESCALED sum, uint k) {
    uint at = 4u * k;
    RESCALED x = rounded_product(sum + rescale(at), rescale(at + 1u), rescale(at + 2u), rescale(at + 3u));
    return clamp(clamp(x, -65536, 65536) + OUT_ZERO, LOW, HIGH);
}
