package node

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/epidaurus-live/epidaurus/cast"
	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/stage"
	"github.com/epidaurus-live/epidaurus/tape"
)

// metrics are what Prometheus reads. Nothing is labelled by room or listener: their number is not ours to bound.
func (n *Node) metrics() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{n})
	return reg
}

// collector reads all counters of one moment together.
type collector struct{ node *Node }

type counter struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(edge.Stats) float64
}

func edgeCounter(name, help string, value func(edge.Stats) float64) counter {
	return counter{prometheus.NewDesc("epidaurus_edge_"+name, help, nil, nil), prometheus.CounterValue, value}
}

func edgeGauge(name, help string, value func(edge.Stats) float64) counter {
	return counter{prometheus.NewDesc("epidaurus_edge_"+name, help, nil, nil), prometheus.GaugeValue, value}
}

var (
	edgeCounters = []counter{
		edgeGauge("seats", "Seats taken now.", func(s edge.Stats) float64 { return float64(s.Seats) }),
		edgeGauge("seats_max", "Seats that this edge gives at most.", func(s edge.Stats) float64 { return float64(s.MaxSeats) }),
		edgeGauge("memory_short", "1 while no seats are given because memory runs short.", func(s edge.Stats) float64 {
			if s.Short {
				return 1
			}
			return 0
		}),
		edgeCounter("joins_offered_total", "Requests for a seat.", func(s edge.Stats) float64 { return float64(s.Offered) }),
		edgeCounter("joins_seated_total", "Seats given.", func(s edge.Stats) float64 { return float64(s.Seated) }),
		edgeGauge("waiting", "Connections of the listeners' port that are not seats, now.", func(s edge.Stats) float64 { return float64(s.Waiting) }),
		edgeGauge("waiting_max", "How many of these there may be.", func(s edge.Stats) float64 { return float64(s.MaxWaiting) }),
		edgeCounter("evicted_total", "Of these, closed to let newcomers in.", func(s edge.Stats) float64 { return float64(s.Evicted) }),
		edgeCounter("turned_away_total", "Of these, closed unread.", func(s edge.Stats) float64 { return float64(s.TurnedAway) }),
		edgeCounter("waiting_bytes_in_total", "Bytes that connections sent that were no seats, or not yet: requests, handshakes.",
			func(s edge.Stats) float64 { return float64(s.WaitingIn) }),
		edgeCounter("waiting_bytes_out_total", "Bytes that these were sent: answers, refusals, pages.",
			func(s edge.Stats) float64 { return float64(s.WaitingOut) }),
		edgeCounter("seats_left_total", "Seats given up by listeners or their network.", func(s edge.Stats) float64 { return float64(s.Left) }),
		edgeCounter("seats_ended_total", "Seats closed properly at the end of their room.", func(s edge.Stats) float64 { return float64(s.Ended) }),
		edgeCounter("seats_stuck_total", "Seats closed because they took nothing.", func(s edge.Stats) float64 { return float64(s.Stuck) }),
		edgeCounter("seats_cut_total", "Seats cut by this edge.", func(s edge.Stats) float64 { return float64(s.Cut + s.Talkative) }),
		edgeCounter("bytes_out_total", "Bytes handed to the kernel for seats.", func(s edge.Stats) float64 { return float64(s.BytesOut) }),
		edgeCounter("bytes_in_total", "Bytes that seats sent and that were thrown away.", func(s edge.Stats) float64 { return float64(s.BytesIn) }),
		edgeCounter("writes_total", "Writes to seats.", func(s edge.Stats) float64 { return float64(s.Writes) }),
		edgeCounter("writes_full_total", "Writes that the socket did not take whole.", func(s edge.Stats) float64 { return float64(s.Full) }),
		edgeCounter("offers_total", "Times that a seat was due something new.", func(s edge.Stats) float64 { return float64(s.Offers) }),
		edgeCounter("offers_behind_total", "Of these, those at which the network had not taken what was before.",
			func(s edge.Stats) float64 { return float64(s.Behind) }),
		edgeCounter("gaps_total", "Times that a seat stayed behind and was given silence.", func(s edge.Stats) float64 { return float64(s.Gaps) }),
		edgeCounter("frames_lost_total", "Frames that never reached this edge.", func(s edge.Stats) float64 { return float64(s.Lost) }),
		edgeCounter("units_silenced_total", "Access units that were silent among titles, since a group had no room for them.", func(s edge.Stats) float64 { return float64(s.Silenced) }),
		edgeCounter("frames_refetched_total", "Frames that were fetched from other edges.", func(s edge.Stats) float64 { return float64(s.Refetched) }),
		edgeCounter("seal_mismatches_total", "Segments that differed from their seal.", func(s edge.Stats) float64 { return float64(s.SealMismatch) }),
		edgeCounter("seats_moved_total", "Seats taken to another cadence or variant.", func(s edge.Stats) float64 { return float64(s.Moved) }),
		edgeGauge("cadence_seconds", "Time between two writes to a seat that is deep enough.", func(s edge.Stats) float64 { return s.Cadence.Seconds() }),
		edgeGauge("variant", "The best variant that the line carries: 0 is opus-48, 1 opus-24, 2 opus-12.", func(s edge.Stats) float64 {
			return float64(slices.Index(tape.Variants, s.Variant))
		}),
		edgeCounter("ticks_total", "Ticks of all sections.", func(s edge.Stats) float64 { return float64(s.Ticks) }),
		edgeCounter("ticks_late_seconds_total", "By how much ticks came late, together.", func(s edge.Stats) float64 { return s.Late.Seconds() }),
		edgeGauge("tick_worst_late_seconds", "The latest tick of the last second.", func(s edge.Stats) float64 { return s.WorstLate.Seconds() }),
	}
	refusedDesc = prometheus.NewDesc("epidaurus_edge_joins_refused_total", "Requests refused a seat, by reason.", []string{"reason"}, nil)
	proxyDesc   = prometheus.NewDesc("epidaurus_proxy_malformed_total", "Connections of balancers without a PROXY header that can be read.", nil, nil)
	stageDesc   = prometheus.NewDesc("epidaurus_stage_connections", "Connections of the stage's port, without those on which people follow the stage.", nil, nil)
	stageOut    = prometheus.NewDesc("epidaurus_stage_evicted_total", "Of these, closed to let newcomers in.", nil, nil)
	stageAway   = prometheus.NewDesc("epidaurus_stage_turned_away_total", "Of these, closed unread.", nil, nil)
	roomsDesc   = prometheus.NewDesc("epidaurus_rooms_open", "Rooms whose channel is made by this node.", nil, nil)
	framesDesc  = prometheus.NewDesc("epidaurus_channel_frames_total", "Frames made by this node in its open rooms, gaps included.", nil, nil)
	tapingDesc  = prometheus.NewDesc("epidaurus_tape_rooms", "Rooms that are heard for the tape.", nil, nil)
	failingDesc = prometheus.NewDesc("epidaurus_tape_failing", "Of these, rooms that do not reach the disk: 0, or something is to be done.", nil, nil)
	failedDesc  = prometheus.NewDesc("epidaurus_tape_failures_total", "Times that a tape could not be written.", nil, nil)
	segsDesc    = prometheus.NewDesc("epidaurus_tape_segments_total", "Segments of 1.92 s that were written.", nil, nil)
	tlostDesc   = prometheus.NewDesc("epidaurus_tape_frames_lost_total", "Frames that never reached the tape, and are silence on it.", nil, nil)
	castDesc    = prometheus.NewDesc("epidaurus_hls_answers_total", "Answers to players of HLS, by what was given.", []string{"kind"}, nil)
	waitDesc    = prometheus.NewDesc("epidaurus_hls_waiting", "Requests that wait for a segment that is about to be there, now.", nil, nil)
	pubDesc     = prometheus.NewDesc("epidaurus_publish_rooms", "Rooms that are published.", nil, nil)
	pfailDesc   = prometheus.NewDesc("epidaurus_publish_failing", "Of these, rooms that do not reach their folder: 0, or something is to be done.", nil, nil)
	pfailsDesc  = prometheus.NewDesc("epidaurus_publish_failures_total", "Times that the folder did not take something.", nil, nil)
	pobjDesc    = prometheus.NewDesc("epidaurus_publish_objects_total", "Files that were published.", nil, nil)
	owedDesc    = prometheus.NewDesc("epidaurus_store_unwritten", "Changes that were made and are not in the database yet: above 0 for long, something is to be done.", nil, nil)
	relayDesc   = prometheus.NewDesc("epidaurus_icecast_failing", "Rooms that do not reach the Icecast server of --icecast-push: 0, or something is to be done.", nil, nil)
	behindDesc  = prometheus.NewDesc("epidaurus_behind_caches", "Listeners of all rooms whom no edge sees, as estimated from those who say that they listen; bound: estimate, low and high, between which they are with 95 %.", []string{"bound"}, nil)
	beaconDesc  = prometheus.NewDesc("epidaurus_beacons_total", "Words of such listeners that came to this node, by what became of them.", []string{"outcome"}, nil)
	whepDescs   = []whepMetric{
		{prometheus.NewDesc("epidaurus_whep_listeners", "Listeners by WHEP now, with those that have not connected yet; each is a seat, too.", nil, nil), prometheus.GaugeValue, func(s stage.ListenersStats) float64 { return float64(s.Listeners) }},
		{prometheus.NewDesc("epidaurus_whep_listeners_max", "Listeners by WHEP that this edge has at most.", nil, nil), prometheus.GaugeValue, func(s stage.ListenersStats) float64 { return float64(s.Most) }},
		{prometheus.NewDesc("epidaurus_whep_pending", "Of these, those that have not connected yet.", nil, nil), prometheus.GaugeValue, func(s stage.ListenersStats) float64 { return float64(s.Pending) }},
		{prometheus.NewDesc("epidaurus_whep_joined_total", "Listeners by WHEP that connected.", nil, nil), prometheus.CounterValue, func(s stage.ListenersStats) float64 { return float64(s.Joined) }},
		{prometheus.NewDesc("epidaurus_whep_packets_total", "RTP packets sent to them.", nil, nil), prometheus.CounterValue, func(s stage.ListenersStats) float64 { return float64(s.Packets) }},
		{prometheus.NewDesc("epidaurus_whep_bytes_out_total", "Bytes of these, encrypted, without the heads of UDP and IP.", nil, nil), prometheus.CounterValue, func(s stage.ListenersStats) float64 { return float64(s.Bytes) }},
		{prometheus.NewDesc("epidaurus_whep_dropped_total", "Frames and events that came faster than they could be sent.", nil, nil), prometheus.CounterValue, func(s stage.ListenersStats) float64 { return float64(s.Dropped) }},
	}
	gapsDesc   = prometheus.NewDesc("epidaurus_channel_gap_frames_total", "Frames of these that were declared silent.", nil, nil)
	ltrackDesc = prometheus.NewDesc("epidaurus_channel_track_frames_lost_total", "Frames of speakers' own tracks that were left out because their encoders were late; the mix has them.", nil, nil)
)

type whepMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(stage.ListenersStats) float64
}

// Describe lists what there is.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, e := range edgeCounters {
		ch <- e.desc
	}
	for _, m := range whepDescs {
		ch <- m.desc
	}
	for _, d := range []*prometheus.Desc{
		refusedDesc, proxyDesc, stageDesc, stageOut, stageAway, roomsDesc, framesDesc, gapsDesc, ltrackDesc, tapingDesc, failingDesc, failedDesc, segsDesc, tlostDesc,
		castDesc, waitDesc, behindDesc, beaconDesc, pubDesc, pfailDesc, pfailsDesc, pobjDesc, owedDesc,
	} {
		ch <- d
	}
}

// Collect reads it.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	var whep stage.ListenersStats // of none, where nobody listens so
	if c.node.whep != nil {
		whep = c.node.whep.Stats()
	}
	for _, m := range whepDescs {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(whep))
	}
	s := c.node.edge.Stats()
	for _, e := range edgeCounters {
		ch <- prometheus.MustNewConstMetric(e.desc, e.kind, e.value(s))
	}
	for reason, count := range s.Refused {
		ch <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(count), string(reason))
	}
	var malformed uint64
	if p := c.node.proxied; p != nil {
		malformed = p.Malformed()
	}
	ch <- prometheus.MustNewConstMetric(proxyDesc, prometheus.CounterValue, float64(malformed))
	c.collectTapes(ch)
	c.collectCast(ch)
	c.collectBeacons(ch)
	if c.node.rooms == nil {
		return // channels are made elsewhere
	}
	door := c.node.stageDoor.Stats()
	ch <- prometheus.MustNewConstMetric(stageDesc, prometheus.GaugeValue, float64(door.Open))
	ch <- prometheus.MustNewConstMetric(stageOut, prometheus.CounterValue, float64(door.Evicted))
	ch <- prometheus.MustNewConstMetric(stageAway, prometheus.CounterValue, float64(door.TurnedAway))
	ch <- prometheus.MustNewConstMetric(owedDesc, prometheus.GaugeValue, float64(c.node.ledger.owes()))
	rooms, all := c.node.rooms.made()
	ch <- prometheus.MustNewConstMetric(roomsDesc, prometheus.GaugeValue, float64(rooms))
	ch <- prometheus.MustNewConstMetric(framesDesc, prometheus.CounterValue, float64(all.frames))
	ch <- prometheus.MustNewConstMetric(gapsDesc, prometheus.CounterValue, float64(all.gaps))
	ch <- prometheus.MustNewConstMetric(ltrackDesc, prometheus.CounterValue, float64(all.lostTracks))
}

func (c *collector) collectTapes(ch chan<- prometheus.Metric) {
	if c.node.tapes == nil {
		return
	}
	s := c.node.tapes.Stats()
	ch <- prometheus.MustNewConstMetric(tapingDesc, prometheus.GaugeValue, float64(s.Taping))
	ch <- prometheus.MustNewConstMetric(failingDesc, prometheus.GaugeValue, float64(s.Failing))
	ch <- prometheus.MustNewConstMetric(failedDesc, prometheus.CounterValue, float64(s.Failures))
	ch <- prometheus.MustNewConstMetric(segsDesc, prometheus.CounterValue, float64(s.Segments))
	ch <- prometheus.MustNewConstMetric(tlostDesc, prometheus.CounterValue, float64(s.Lost))
}

func (c *collector) collectCast(ch chan<- prometheus.Metric) {
	s := c.node.cast.Stats()
	for kind, count := range map[string]uint64{"playlist": s.Playlists, "segment": s.Segments, "part": s.Parts, "refusal": s.Refused} {
		ch <- prometheus.MustNewConstMetric(castDesc, prometheus.CounterValue, float64(count), kind)
	}
	ch <- prometheus.MustNewConstMetric(waitDesc, prometheus.GaugeValue, float64(s.Waiting+s.Held))
	var p cast.PublisherStats // zero where nothing is published
	if c.node.publisher != nil {
		p = c.node.publisher.Stats()
	}
	var relay int64
	if c.node.relay != nil {
		relay = c.node.relay.Failing()
	}
	ch <- prometheus.MustNewConstMetric(relayDesc, prometheus.GaugeValue, float64(relay))
	ch <- prometheus.MustNewConstMetric(pubDesc, prometheus.GaugeValue, float64(p.Rooms))
	ch <- prometheus.MustNewConstMetric(pfailDesc, prometheus.GaugeValue, float64(p.Failing))
	ch <- prometheus.MustNewConstMetric(pfailsDesc, prometheus.CounterValue, float64(p.Failures))
	ch <- prometheus.MustNewConstMetric(pobjDesc, prometheus.CounterValue, float64(p.Objects))
}

func (c *collector) collectBeacons(ch chan<- prometheus.Metric) {
	b := &c.node.beacons
	all := b.tally.All()
	for bound, n := range map[string]int{"estimate": all.Listeners, "low": all.Low, "high": all.High} {
		ch <- prometheus.MustNewConstMetric(behindDesc, prometheus.GaugeValue, float64(n), bound)
	}
	for outcome, n := range map[string]uint64{"taken": b.taken.Load(), "refused": b.refused.Load(), "unwanted": b.unwanted.Load()} {
		ch <- prometheus.MustNewConstMetric(beaconDesc, prometheus.CounterValue, float64(n), outcome)
	}
}
