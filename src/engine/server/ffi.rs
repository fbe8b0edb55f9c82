//! The only unsafe code: what the bindings of the RTSP server lack. Each function says what it needs and why
//! that holds.
#![allow(unsafe_code, reason = "the bindings lack these calls")]

use glib::translate::*;
use gst_rtsp::{RTSPHeaderField, RTSPMethod};
use gst_rtsp_server::{RTSPContext, RTSPStream, RTSPStreamTransport};
use gst_rtsp_server_sys as sys;
use std::ffi::{CStr, c_char};
use std::ops::Deref;

/// From Linux's `netinet/in.h` and `netinet/tcp.h`; GIO's sockets take options by number.
pub const IPPROTO_TCP: i32 = 6;
pub const TCP_USER_TIMEOUT: i32 = 18;
pub const IPPROTO_IPV6: i32 = 41;
pub const IPV6_V6ONLY: i32 = 26;

/// States as the signals of a media give them: by number.
pub const STATE_READY: i32 = gst::ffi::GST_STATE_READY;
pub const STATE_PLAYING: i32 = gst::ffi::GST_STATE_PLAYING;

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

/// The address of the other end of a client's connection.
pub fn peer_address(context: &RTSPContext) -> Option<String> {
    // SAFETY: the context holds its connection while a request is handled; the address belongs to that, and
    // is copied at once.
    unsafe {
        let connection = (*context.to_glib_none().0).conn;
        if connection.is_null() { None } else { lossy(gst_rtsp_sys::gst_rtsp_connection_get_ip(connection)) }
    }
}

/// The method of the request that is being handled.
pub fn request_method(context: &RTSPContext) -> RTSPMethod {
    // SAFETY: the context is alive while it is borrowed, and `method` is plain data of it.
    unsafe { RTSPMethod::from_glib((*context.to_glib_none().0).method) }
}

/// The URI in the request's first line, as it was sent.
pub fn request_uri(context: &RTSPContext) -> Option<String> {
    let mut uri = std::ptr::null();
    // SAFETY: `request` is a request message or null; the URI belongs to it and is copied at once.
    unsafe {
        let request = (*context.to_glib_none().0).request;
        if request.is_null() {
            return None;
        }
        let (mut method, mut version) = (0, 0);
        gst_rtsp_sys::gst_rtsp_message_parse_request(request, &mut method, &mut uri, &mut version);
        lossy(uri)
    }
}

/// The path by which the library looks for a mount: no query, no doubled or trailing slash. None for `*`.
pub fn request_path(context: &RTSPContext) -> Option<String> {
    // SAFETY: `uri` is null or a URL that lives as long as the context; its path is copied at once.
    unsafe {
        let uri = (*context.to_glib_none().0).uri;
        if uri.is_null() { None } else { lossy((*uri).abspath) }
    }
}

/// The first header of this name in the request; none too where it is not UTF-8.
pub fn request_header(context: &RTSPContext, field: RTSPHeaderField) -> Option<String> {
    let mut value = std::ptr::null_mut();
    // SAFETY: `request` is a message or null; the value belongs to it and is copied at once.
    unsafe {
        let request = (*context.to_glib_none().0).request;
        if request.is_null() {
            return None;
        }
        gst_rtsp_sys::gst_rtsp_message_get_header(request, field.into_glib(), &mut value, 0);
        if value.is_null() { None } else { CStr::from_ptr(value).to_str().ok().map(str::to_owned) }
    }
}

/// Sends the context's response, which has to be a response already; it is empty afterwards.
pub fn send_response(context: &RTSPContext) {
    // SAFETY: while a request is handled the library has set the client and the response.
    unsafe {
        let context = context.to_glib_none().0;
        sys::gst_rtsp_client_send_message((*context).client, (*context).session, (*context).response);
    }
}

/// # Safety
/// `text` is null or a C string.
unsafe fn lossy(text: *const c_char) -> Option<String> {
    // SAFETY: as the caller promised.
    unsafe { (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned()) }
}
