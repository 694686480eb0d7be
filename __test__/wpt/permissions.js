// Replaces /resources/testdriver-vendor.js. Devices are always granted here (the
// browser runs with a fake UI, Node has none); nothing else is automated.
if (window.test_driver_internal) {
  window.test_driver_internal.set_permission = async (params) => {
    if (params.state !== 'granted') throw new Error('unimplemented');
  };
}
