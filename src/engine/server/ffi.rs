//! The only unsafe code: what the bindings of the RTSP server lack. Each function says what it needs and why
//! that holds.
#![allow(unsafe_code, reason = "the bindings lack these calls")]

use crate::engine::feed::Taken;
use gio::prelude::*;
use glib::translate::*;
use gst_rtsp::{RTSPHeaderField, RTSPLowerTrans, RTSPMethod};
use gst_rtsp_server::{RTSPClient, RTSPContext, RTSPMedia, RTSPStream, RTSPStreamTransport};
use gst_rtsp_server_sys as sys;
use std::ffi::{CStr, c_char};
use std::net::IpAddr;
use std::ops::Deref;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

/// From Linux's `netinet/in.h` and `netinet/tcp.h`; GIO's sockets take options by number.
pub const IPPROTO_TCP: i32 = 6;
pub const TCP_KEEPIDLE: i32 = 4;
pub const TCP_KEEPINTVL: i32 = 5;
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

// SAFETY: see above; its callbacks here are `Send` and `Sync`.
unsafe impl Send for SharedTransport {}
// SAFETY: as for `Send`.
unsafe impl Sync for SharedTransport {}

impl From<RTSPStreamTransport> for SharedTransport {
    fn from(transport: RTSPStreamTransport) -> Self {
        Self(transport)
    }
}

impl SharedTransport {
    /// Gives these packets to a reader on TCP at once, and says whether it takes them: not while others wait.
    pub fn send_rtp_list(&self, packets: &gst::BufferList) -> bool {
        // SAFETY: both are alive while they are borrowed; the callback takes references of its own.
        unsafe {
            from_glib(sys::gst_rtsp_stream_transport_send_rtp_list(
                self.0.to_glib_none().0,
                packets.as_mut_ptr(),
            ))
        }
    }
}

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

/// By which way packets go to a reader (RFC 2326, 12.39).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowerTransport {
    Udp,
    Multicast,
    Tcp,
}

/// What was agreed on for one track of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackTransport {
    pub lower: LowerTransport,
    /// The reader's address, or that of the multicast group.
    pub destination: IpAddr,
    /// The same as the library writes it.
    pub host: String,
    /// The first and the last port that the reader gave, for RTP and RTCP; over TCP the library's own number of the
    /// connection.
    pub ports: (u16, u16),
}

/// Where the packets of a track go.
pub fn track_transport(transport: &RTSPStreamTransport) -> Option<TrackTransport> {
    // SAFETY: the stream transport owns the plain structure, which is set when it is made and lives as long as it; the
    // address is copied at once.
    unsafe {
        let agreed = sys::gst_rtsp_stream_transport_get_transport(transport.to_glib_none().0);
        let agreed = agreed.as_ref()?;
        let host = lossy(agreed.destination)?;
        let destination = host.parse().ok()?;
        let lower = match agreed.lower_transport {
            gst_rtsp_sys::GST_RTSP_LOWER_TRANS_UDP => LowerTransport::Udp,
            gst_rtsp_sys::GST_RTSP_LOWER_TRANS_UDP_MCAST => LowerTransport::Multicast,
            _ => LowerTransport::Tcp,
        };
        let range = if lower == LowerTransport::Multicast { agreed.port } else { agreed.client_port };
        let port = |port: i32| u16::try_from(port).unwrap_or_default();
        Some(TrackTransport { lower, destination, host, ports: (port(range.min), port(range.max)) })
    }
}

/// The socket of a connection, which is asked from any thread how far the other end is behind.
#[derive(Debug)]
pub struct Connection(gio::Socket);

// SAFETY: GSocket may be shared by threads (the library does so itself), and only its number is read here.
unsafe impl Send for Connection {}
// SAFETY: as for `Send`.
unsafe impl Sync for Connection {}

/// The connection by which a client is sent its responses, and packets over TCP.
pub fn sending_connection(context: &RTSPContext) -> Option<Connection> {
    // SAFETY: the context holds its connection while a request is handled, and the socket is given a reference of
    // its own.
    unsafe {
        let connection = (*context.to_glib_none().0).conn;
        if connection.is_null() {
            return None;
        }
        let socket: Option<gio::Socket> =
            from_glib_none(gst_rtsp_sys::gst_rtsp_connection_get_write_socket(connection));
        socket.map(Connection)
    }
}

impl Connection {
    /// What the system knows of it; none where it is closed.
    pub fn info(&self) -> Option<TcpInfo> {
        tcp_info(&self.0)
    }

    /// Bytes that were written and that the other end has not taken yet (SIOCOUTQ); none where it is closed.
    pub fn waiting(&self) -> Option<u64> {
        let mut waiting: libc::c_int = 0;
        // SAFETY: the call writes one number. TIOCOUTQ is SIOCOUTQ of a socket; a descriptor that is none any more
        // makes it fail.
        let failed = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TIOCOUTQ, &mut waiting) };
        if failed == 0 { u64::try_from(waiting).ok() } else { None }
    }
}

/// The socket of a client's connection. It may be closed at any moment, by one of the library's threads.
pub fn socket(client: &RTSPClient) -> Option<gio::Socket> {
    // SAFETY: the client is alive while it is borrowed and keeps its connection, which keeps the socket; a reference
    // of our own is taken. To be called before the client is served, while nothing else closes its connection.
    unsafe {
        let connection = sys::gst_rtsp_client_get_connection(client.to_glib_none().0);
        if connection.is_null() {
            return None;
        }
        from_glib_none(gst_rtsp_sys::gst_rtsp_connection_get_read_socket(connection))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpState {
    /// Neither end has closed it.
    Established,
    /// The other end knows nothing of it, or the system has given it up.
    Reset,
    /// One of the ends has closed it.
    Closing,
}

/// What the system knows of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpInfo {
    pub state: TcpState,
    /// How long ago the other end last acknowledged anything, a keep-alive among others.
    pub silent: Duration,
    /// What the other end has acknowledged, since the connection began.
    pub bytes_taken: u64,
    /// What came from the other end, read or not.
    pub bytes_received: u64,
    /// The smoothed round trip.
    pub round_trip: Duration,
}

/// None where the socket is closed, or where the system is too old to know (Linux before 4.1).
pub fn tcp_info(socket: &gio::Socket) -> Option<TcpInfo> {
    // Where the fields stand in `struct tcp_info` of Linux's `linux/tcp.h`; the C library's own is shorter.
    const STATE: usize = 0;
    const ESTABLISHED: u8 = 1;
    const CLOSE: u8 = 7;
    const LAST_ACK_RECEIVED: usize = 56;
    const ROUND_TRIP: usize = 68;
    const BYTES_ACKNOWLEDGED: usize = 120;
    const BYTES_RECEIVED: usize = 128;
    if socket.is_closed() {
        return None;
    }
    let mut info = [0u8; 136];
    let mut length = info.len() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `info`, and says how many. A descriptor that was closed
    // meanwhile, or that is no TCP socket any more, makes the call fail.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &mut length,
        )
    };
    if failed != 0 || length as usize != info.len() {
        return None;
    }
    let number = |at: usize| u64::from_ne_bytes(info[at..at + 8].try_into().expect("eight bytes"));
    let short = |at: usize| u32::from_ne_bytes(info[at..at + 4].try_into().expect("four bytes"));
    Some(TcpInfo {
        state: match info[STATE] {
            ESTABLISHED => TcpState::Established,
            CLOSE => TcpState::Reset,
            _ => TcpState::Closing,
        },
        silent: Duration::from_millis(short(LAST_ACK_RECEIVED).into()),
        bytes_taken: number(BYTES_ACKNOWLEDGED),
        bytes_received: number(BYTES_RECEIVED),
        round_trip: Duration::from_micros(short(ROUND_TRIP).into()),
    })
}

/// Which tracks a PLAY that is being handled sends over the RTSP connection itself.
pub fn interleaved_tracks(context: &RTSPContext) -> Taken {
    // SAFETY: while PLAY is handled the context has its session's media, or null; its media and transports are alive
    // as long, and only read.
    unsafe {
        let media = (*context.to_glib_none().0).sessmedia;
        if media.is_null() {
            return Taken::default();
        }
        let tracks = sys::gst_rtsp_media_n_streams(sys::gst_rtsp_session_media_get_media(media)) as usize;
        std::array::from_fn(|track| {
            if track >= tracks {
                return false;
            }
            let transport = sys::gst_rtsp_session_media_get_transport(media, track as u32);
            if transport.is_null() {
                return false;
            }
            let transport = sys::gst_rtsp_stream_transport_get_transport(transport);
            !transport.is_null() && (*transport).lower_transport & gst_rtsp_sys::GST_RTSP_LOWER_TRANS_TCP != 0
        })
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

/// The port of this computer that a client's connection came to.
pub fn local_port(context: &RTSPContext) -> Option<u16> {
    // SAFETY: the context holds its connection while a request is handled or a client is accepted; the socket
    // is null or belongs to that, and a reference of our own is taken.
    let socket: Option<gio::Socket> = unsafe {
        let connection = (*context.to_glib_none().0).conn;
        if connection.is_null() {
            return None;
        }
        from_glib_none(gst_rtsp_sys::gst_rtsp_connection_get_read_socket(connection))
    };
    socket?.local_address().ok()?.downcast::<gio::InetSocketAddress>().ok().map(|address| address.port())
}

/// Whether the request came through an HTTP tunnel.
pub fn is_tunneled(context: &RTSPContext) -> bool {
    // SAFETY: as for `peer_address`; this only reads.
    unsafe {
        let connection = (*context.to_glib_none().0).conn;
        !connection.is_null() && from_glib(gst_rtsp_sys::gst_rtsp_connection_is_tunneled(connection))
    }
}

/// The version of TLS that a client's connection speaks, which must be one that is encrypted.
pub fn tls_version(context: &RTSPContext) -> gio::TlsProtocolVersion {
    // SAFETY: as for `peer_address`; an encrypted connection has its TLS connection already, of which a reference
    // of our own is taken.
    let connection: Option<gio::TlsConnection> = unsafe {
        let connection = (*context.to_glib_none().0).conn;
        if connection.is_null() {
            return gio::TlsProtocolVersion::Unknown;
        }
        from_glib_none(gst_rtsp_sys::gst_rtsp_connection_get_tls(connection, std::ptr::null_mut()))
    };
    connection.map_or(gio::TlsProtocolVersion::Unknown, |connection| connection.protocol_version())
}

/// What one offer of a Transport header asks for, as the library reads it; none where it cannot.
pub fn lower_transport(offer: &str) -> Option<RTSPLowerTrans> {
    read_offer(offer).map(|(lower, _)| lower)
}

/// Whether the library takes one offer of a Transport header for RECORD, and not for PLAY.
pub fn is_to_record(offer: &str) -> bool {
    read_offer(offer).is_some_and(|(_, records)| records)
}

fn read_offer(offer: &str) -> Option<(RTSPLowerTrans, bool)> {
    let mut transport = std::ptr::null_mut();
    // SAFETY: a new transport is filled in from a C string, read and freed here.
    unsafe {
        if gst_rtsp_sys::gst_rtsp_transport_new(&mut transport) != gst_rtsp_sys::GST_RTSP_OK {
            return None;
        }
        let parsed = gst_rtsp_sys::gst_rtsp_transport_parse(offer.to_glib_none().0, transport);
        let lower = from_glib((*transport).lower_transport);
        let records = from_glib((*transport).mode_record) && !from_glib::<_, bool>((*transport).mode_play);
        gst_rtsp_sys::gst_rtsp_transport_free(transport);
        (parsed == gst_rtsp_sys::GST_RTSP_OK).then_some((lower, records))
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
    nth_request_header(context, field, 0)
}

/// The values of all headers of this name, up to one that is not UTF-8. The library makes several of one whose
/// value is a list with commas.
pub fn request_headers(context: &RTSPContext, field: RTSPHeaderField) -> Vec<String> {
    (0..).map_while(|place| nth_request_header(context, field, place)).collect()
}

fn nth_request_header(context: &RTSPContext, field: RTSPHeaderField, place: i32) -> Option<String> {
    let mut value = std::ptr::null_mut();
    // SAFETY: `request` is a message or null; the value belongs to it and is copied at once.
    unsafe {
        let request = (*context.to_glib_none().0).request;
        if request.is_null() {
            return None;
        }
        gst_rtsp_sys::gst_rtsp_message_get_header(request, field.into_glib(), &mut value, place);
        if value.is_null() { None } else { CStr::from_ptr(value).to_str().ok().map(str::to_owned) }
    }
}

/// Has the library read this value instead of those that the request has. Only before the library looks at the
/// header, which it does by reference.
pub fn set_request_header(context: &RTSPContext, field: RTSPHeaderField, value: &str) {
    // SAFETY: `request` is a message or null; the thread that handles it owns it, and the value is copied.
    unsafe {
        let request = (*context.to_glib_none().0).request;
        if !request.is_null() {
            gst_rtsp_sys::gst_rtsp_message_remove_header(request, field.into_glib(), -1);
            gst_rtsp_sys::gst_rtsp_message_add_header(request, field.into_glib(), value.to_glib_none().0);
        }
    }
}

/// The body of the request; none where it has none.
pub fn request_body(context: &RTSPContext) -> Option<Vec<u8>> {
    let (mut data, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: `request` is a message or null; the body belongs to it and is copied at once.
    unsafe {
        let request = (*context.to_glib_none().0).request;
        if request.is_null() {
            return None;
        }
        gst_rtsp_sys::gst_rtsp_message_get_body(request, &mut data, &mut size);
        (!data.is_null()).then(|| std::slice::from_raw_parts(data, size as usize).to_vec())
    }
}

/// The media that the request belongs to, once the library has found it.
pub fn media(context: &RTSPContext) -> Option<RTSPMedia> {
    // SAFETY: `media` is a media or null; a reference of our own is taken.
    unsafe { from_glib_none((*context.to_glib_none().0).media) }
}

/// Whether the context's response, which is about to be sent, is that of a request that was granted.
pub fn is_granted(context: &RTSPContext) -> bool {
    let mut code = 0;
    // SAFETY: `response` is a message or null, and only read.
    unsafe {
        let response = (*context.to_glib_none().0).response;
        !response.is_null()
            && gst_rtsp_sys::gst_rtsp_message_get_type(response) == gst_rtsp_sys::GST_RTSP_MESSAGE_RESPONSE
            && gst_rtsp_sys::gst_rtsp_message_parse_response(
                response,
                &mut code,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            ) == gst_rtsp_sys::GST_RTSP_OK
            && code == gst_rtsp_sys::GST_RTSP_STS_OK
    }
}

/// Changes a header of the context's response, where that has it.
pub fn change_response_header(
    context: &RTSPContext,
    field: RTSPHeaderField,
    change: impl FnOnce(&str) -> String,
) {
    let (field, mut value) = (field.into_glib(), std::ptr::null_mut());
    // SAFETY: `response` is a message or null, which the thread that answers owns; its value is copied before it is
    // removed, and so is the new one.
    unsafe {
        let response = (*context.to_glib_none().0).response;
        if response.is_null() {
            return;
        }
        gst_rtsp_sys::gst_rtsp_message_get_header(response, field, &mut value, 0);
        if let Some(value) = lossy(value) {
            gst_rtsp_sys::gst_rtsp_message_remove_header(response, field, -1);
            gst_rtsp_sys::gst_rtsp_message_add_header(response, field, change(&value).to_glib_none().0);
        }
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
