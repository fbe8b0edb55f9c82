//! The only unsafe code: what the bindings of the RTSP server lack. Each function says what it needs and why
//! that holds.
#![allow(unsafe_code, reason = "the bindings lack these calls")]

use glib::translate::*;
use gst_rtsp_server::{RTSPContext, RTSPStream, RTSPStreamTransport};
use gst_rtsp_server_sys as sys;
use std::ffi::CStr;
use std::ops::Deref;

/// From Linux's `netinet/in.h`; GIO's sockets take options by number.
pub const IPPROTO_IPV6: i32 = 41;
pub const IPV6_V6ONLY: i32 = 26;

/// A stream transport that may go from thread to thread.
///
/// The binding does not say so, but the C type locks: it is called by the media's streaming thread and by
/// the threads of all clients.
#[derive(Debug)]
pub struct SharedTransport(RTSPStreamTransport);

// SAFETY: see above; its callbacks here are plain functions without state.
unsafe impl Send for SharedTransport {}
// SAFETY: as for `Send`.
unsafe impl Sync for SharedTransport {}

impl Deref for SharedTransport {
    type Target = RTSPStreamTransport;

    fn deref(&self) -> &RTSPStreamTransport {
        &self.0
    }
}

/// A TCP transport of a stream that belongs to no client. Its owner gives it callbacks.
pub fn detached_tcp_transport(stream: &RTSPStream) -> Option<SharedTransport> {
    // SAFETY: `gst_rtsp_transport_new` returns an initialised transport, whose plain fields are set here and
    // which the new stream transport then owns; it takes a reference of its own on the stream.
    unsafe {
        let mut transport = std::ptr::null_mut();
        if gst_rtsp_sys::gst_rtsp_transport_new(&mut transport) != gst_rtsp_sys::GST_RTSP_OK {
            return None;
        }
        (*transport).trans = gst_rtsp_sys::GST_RTSP_TRANS_RTP;
        (*transport).profile = gst_rtsp_sys::GST_RTSP_PROFILE_AVP;
        (*transport).lower_transport = gst_rtsp_sys::GST_RTSP_LOWER_TRANS_TCP;
        (*transport).destination = glib::ffi::g_strdup(c"drain".as_ptr());
        // Channels that the library gives to no client.
        (*transport).interleaved.min = 254;
        (*transport).interleaved.max = 255;
        let transport: Option<RTSPStreamTransport> =
            from_glib_full(sys::gst_rtsp_stream_transport_new(stream.to_glib_none().0, transport));
        transport.map(SharedTransport)
    }
}

/// The path of the address that a request is for, as the client wrote it.
pub fn path(context: &RTSPContext) -> Option<String> {
    let url = context.uri()?;
    // SAFETY: the address lives as long as the context, and its path is a C string or null.
    unsafe {
        let url = ToGlibPtr::<*const gst_rtsp_sys::GstRTSPUrl>::to_glib_none(url).0;
        let path = (*url).abspath;
        (!path.is_null()).then(|| CStr::from_ptr(path).to_string_lossy().into_owned())
    }
}

/// The address of the other end of a client's connection.
pub fn peer_address(context: &RTSPContext) -> Option<String> {
    // SAFETY: the context holds its connection while a request is handled; the address is a C string that
    // the connection owns, or null.
    unsafe {
        let context = ToGlibPtr::<*mut sys::GstRTSPContext>::to_glib_none(context).0;
        if (*context).conn.is_null() {
            return None;
        }
        let address = gst_rtsp_sys::gst_rtsp_connection_get_ip((*context).conn);
        (!address.is_null()).then(|| CStr::from_ptr(address).to_string_lossy().into_owned())
    }
}

/// The value of a request's User-Agent header.
pub fn user_agent(context: &RTSPContext) -> Option<String> {
    let request = context.request()?;
    // SAFETY: the request lives as long as the context; the value is a C string that the request owns.
    unsafe {
        let request = ToGlibPtr::<*const gst_rtsp_sys::GstRTSPMessage>::to_glib_none(request).0;
        let mut value = std::ptr::null_mut();
        let result = gst_rtsp_sys::gst_rtsp_message_get_header_by_name(
            request.cast_mut(),
            c"User-Agent".as_ptr(),
            &mut value,
            0,
        );
        (result == gst_rtsp_sys::GST_RTSP_OK && !value.is_null())
            .then(|| CStr::from_ptr(value).to_string_lossy().into_owned())
    }
}
