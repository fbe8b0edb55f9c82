//! Lets the packets of a picture leave together, each in one piece of memory.
//!
//! A payloader hands them on slice by slice, and each packet in several pieces. Every such hand-over is a system call
//! for each reader, and on TCP wakes it: with many readers that is most of what serving them costs.

use gst::prelude::*;
use std::sync::Mutex;

/// What has no end is let go of: a picture of 50 Mbit/s has some 300 packets.
const MOST: usize = 4096;

/// To be called with the source pad of a payloader of pictures. Probes that are added later see nothing.
pub fn install(pad: &gst::Pad) {
    let gathered = Mutex::new(Vec::new());
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |pad, info| {
        let mut gathered = gathered.lock().unwrap();
        match &info.data {
            Some(gst::PadProbeData::Buffer(packet)) => gathered.push(in_one_piece(packet)),
            Some(gst::PadProbeData::BufferList(packets)) => gathered.extend(packets.iter().map(in_one_piece)),
            _ => return gst::PadProbeReturn::Ok,
        }
        // The payloader marks the last packet of each picture (RFC 6184, 5.1; RFC 2435, 3.1).
        let ends_picture = gathered.last().is_some_and(|packet| is_marked(packet));
        info.flow_res = Ok(gst::FlowSuccess::Ok);
        if ends_picture || gathered.len() >= MOST {
            let picture: gst::BufferList = gathered.drain(..).collect();
            drop(gathered);
            // A packet cannot become a list on its way.
            info.flow_res =
                pad.peer().ok_or(gst::FlowError::NotLinked).and_then(|next| next.chain_list(picture));
        }
        gst::PadProbeReturn::Handled
    });
}

fn in_one_piece(packet: &gst::BufferRef) -> gst::Buffer {
    packet.copy_region(gst::BUFFER_COPY_ALL | gst::BufferCopyFlags::MERGE, ..).expect("all of it is there")
}

/// RFC 3550, 5.1.
fn is_marked(packet: &gst::BufferRef) -> bool {
    let mut byte = [0];
    packet.copy_to_slice(1, &mut byte).is_ok() && byte[0] & 0x80 != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_picture_of_several_slices_leaves_at_once_and_each_packet_in_one_piece() {
        gst::init().unwrap();
        let description = "videotestsrc num-buffers=5 pattern=snow ! video/x-raw,width=640,height=480 ! \
            x264enc tune=zerolatency option-string=slices=4:aud=1 ! h264parse ! rtph264pay name=pay ! fakesink";
        let pipeline = gst::parse::launch(description).unwrap().downcast::<gst::Pipeline>().unwrap();
        let pad = pipeline.by_name("pay").unwrap().static_pad("src").unwrap();
        let kind = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        let (handed_on, parts) = mpsc::channel();
        pad.add_probe(kind, move |_, info| {
            let first = match &info.data {
                Some(gst::PadProbeData::BufferList(list)) => list.get(0).map(gst::BufferRef::n_memory),
                _ => info.buffer().map(|packet| packet.n_memory()),
            };
            handed_on.send(first.expect("a packet")).unwrap();
            gst::PadProbeReturn::Ok
        });
        install(&pad);
        let (sent, pictures) = mpsc::channel();
        pad.peer().unwrap().add_probe(kind, move |_, info| {
            let packets: Vec<_> = match &info.data {
                Some(gst::PadProbeData::BufferList(list)) => list.iter().map(of_packet).collect(),
                _ => vec![],
            };
            sent.send(packets).unwrap();
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        let end = pipeline.bus().unwrap().timed_pop_filtered(
            gst::ClockTime::from_seconds(20),
            &[gst::MessageType::Eos, gst::MessageType::Error],
        );
        assert_eq!(end.map(|end| end.type_()), Some(gst::MessageType::Eos));
        pipeline.set_state(gst::State::Null).unwrap();

        let parts: Vec<usize> = parts.try_iter().collect();
        assert!(parts.len() >= 5 * 2, "the payloader itself hands on slices: {parts:?}");
        assert!(parts.iter().any(|pieces| *pieces > 1), "and packets in pieces: {parts:?}");
        let pictures: Vec<_> = pictures.try_iter().collect();
        assert_eq!(pictures.len(), 5);
        for picture in &pictures {
            let (last, others) = picture.split_last().expect("a list");
            assert!(last.2 && others.iter().all(|(.., is_marked)| !is_marked), "{picture:?}");
            assert!(picture.iter().all(|(time, pieces, _)| *time == last.0 && *pieces == 1), "{picture:?}");
        }
    }

    fn of_packet(packet: &gst::BufferRef) -> (Option<gst::ClockTime>, usize, bool) {
        (packet.pts(), packet.n_memory(), is_marked(packet))
    }
}
