//go:build libopus

package codec

import "github.com/hraban/opus"

func newOpusEncoder(c OpusConfig) (opusEncoder, error) { return newLibopusEncoder(c) }

func newOpusDecoder() (opusDecoder, error) { return newLibopusDecoder() }

// libopusEncoder encodes by the C library.
type libopusEncoder struct{ enc *opus.Encoder }

func newLibopusEncoder(c OpusConfig) (*libopusEncoder, error) {
	app := opus.AppVoIP
	if c.Application == Audio {
		app = opus.AppAudio
	}
	enc, err := opus.NewEncoder(SampleRate, 1, app)
	if err != nil {
		return nil, err
	}
	if err := enc.SetBitrate(c.Bitrate); err != nil {
		return nil, err
	}
	if err := enc.SetComplexity(c.Complexity); err != nil {
		return nil, err
	}
	if err := enc.SetVBR(true); err != nil { // constrained by default
		return nil, err
	}
	return &libopusEncoder{enc}, nil
}

func (e *libopusEncoder) encode(pcm []float32, packet []byte) (int, error) {
	return e.enc.EncodeFloat32(pcm, packet)
}

func (e *libopusEncoder) reset() error { return e.enc.Reset() }

// libopusDecoder decodes by the C library. The binding writes up to the capacity of pcm, not its length: callers clip it.
type libopusDecoder struct{ dec *opus.Decoder }

func newLibopusDecoder() (*libopusDecoder, error) {
	dec, err := opus.NewDecoder(SampleRate, 1)
	if err != nil {
		return nil, err
	}
	return &libopusDecoder{dec}, nil
}

func (d *libopusDecoder) decode(packet []byte, pcm []float32) (int, error) {
	return d.dec.DecodeFloat32(packet, pcm)
}

func (d *libopusDecoder) conceal(pcm []float32) error { return d.dec.DecodePLCFloat32(pcm) }

func (d *libopusDecoder) recover(next []byte, pcm []float32) error {
	return d.dec.DecodeFECFloat32(next, pcm)
}

// reset makes a new decoder: the binding has no other way.
func (d *libopusDecoder) reset() error {
	dec, err := opus.NewDecoder(SampleRate, 1)
	if err != nil {
		return err
	}
	d.dec = dec
	return nil
}
