// From a sum of integers to what it stands for: each row of inputs has a scale, `factors` those of channels.

MADE finished(SUM s, uint place, uint channel, uint row) { return MADE(s) * (scales(row).x * factors(place)); }
