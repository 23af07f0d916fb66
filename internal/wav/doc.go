// Package wav reads sound files of the RIFF WAVE kind as mono float32 at 48 kHz, and writes such sound as 16-bit files.
package wav
