// A call between two connections of this process, a tone in each direction.

const { Talker } = require('./talker');

const LEFT_HZ = 1000;
const RIGHT_HZ = 700;

class Pair {
  constructor(options) {
    this.left = new Talker({ hz: LEFT_HZ, ...options });
    this.right = new Talker({ hz: RIGHT_HZ, ...options });
  }

  /** `tamper` may change a description on its way. */
  async negotiate(tamper = (description) => description) {
    const answer = await this.right.answer(tamper(await this.left.offer()));
    await this.left.accept(tamper(answer));
  }

  async connect() {
    await this.negotiate();
    await Promise.all([this.left.connected(), this.right.connected()]);
  }

  talks() {
    return Promise.all([this.left.hears(RIGHT_HZ), this.right.hears(LEFT_HZ)]);
  }

  end() {
    this.left.end();
    this.right.end();
  }
}

module.exports = { LEFT_HZ, Pair, RIGHT_HZ };
