//! The calls into gst-rtsp-server that its bindings lack: the only file that allows unsafe code.
#![allow(unsafe_code)]

use glib::translate::{FromGlib, IntoGlib, ToGlibPtr};
use gst_rtsp::{RTSPHeaderField, RTSPMethod};
use gst_rtsp_server::RTSPContext;
use std::ffi::{CStr, c_char};

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
        gst_rtsp_server_sys::gst_rtsp_client_send_message(
            (*context).client,
            (*context).session,
            (*context).response,
        );
    }
}

/// # Safety
/// `text` is null or a C string.
unsafe fn lossy(text: *const c_char) -> Option<String> {
    // SAFETY: as the caller promised.
    unsafe { (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned()) }
}
