"""Songs at another tempo: the phase vocoder, and the further songs that it makes of a rendition."""
