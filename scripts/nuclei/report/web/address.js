// The state of the page in its address, so that a view can be sent: #image=3&a=setting1/mask_r50&on=ta&at=500,500,2
// shows image 3, and #cell=setting1/mask_r50 the page of a cell. An anchor such as #tables stays an anchor.

function readAddress() {
  return new URLSearchParams(location.hash.slice(1));
}

// Write the state without a new entry in the browser's history; slashes and commas stay as they are, to be read.
let addressTimer = 0;
function writeAddress(values) {
  clearTimeout(addressTimer);
  addressTimer = setTimeout(() => {
    const text = Object.entries(values)
      .filter(([, value]) => value !== "")
      .map(([key, value]) => `${key}=${encodeURIComponent(value).replace(/%2F/g, "/").replace(/%2C/g, ",").replace(/%3A/g, ":")}`)
      .join("&");
    history.replaceState(null, "", `#${text}`);
  }, 150);
}
