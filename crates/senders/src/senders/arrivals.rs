//! The parties of a call: new ones, ones that come back, and ones that leave the tables.

use bellwether_base::{CallId, LruTable, Timestamp};

use super::{
    CallStart, CallerAccess, Change, Followed, LINE, MAX_CALLS, MAX_LISTED, STRANGER, Senders, count,
};
use crate::model::Fate;
use crate::parties::{
    Address, Family, INTERLEAVED, MAX_NUMBERS, MOVES_AFTER, Number, Place, Recorded, SESSION,
};

impl Senders {
    /// Makes the records of a call's parties, and cleans up after those that leave for them.
    pub(super) fn make_room(&mut self, call: &CallStart, key: u64) {
        if self.families.slot(call.family).is_none() {
            self.last_family = self.last_family.wrapping_add(1).max(1);
            let family = Family {
                first: Some(call.at),
                first_sessions: self.site.sessions(),
                serial: self.last_family,
                ..Family::default()
            };
            if let (_, Some(gone)) = self.families.insert(call.family, call.family, family, STRANGER, call.at)
            {
                self.forget_family(&gone.value);
            }
        } else if let Some(slot) = self.families.slot(call.family) {
            self.families.mark_used(slot);
        }
        if let Some(slot) = self.addresses.slot(key) {
            self.addresses.mark_used(slot);
        } else {
            let address = Address {
                family: call.family,
                first: Some(call.at),
                first_sessions: self.site.sessions(),
                is_registered: call.access == CallerAccess::Registered,
                is_trunk: call.access == CallerAccess::Trunk,
                ..Address::default()
            };
            if let (_, Some(gone)) = self.addresses.insert(key, key, address, STRANGER, call.at) {
                self.forget_address(gone.key, gone.value);
            }
        }
        if let Some(slot) = self.numbers.slot(call.number) {
            self.numbers.mark_used(slot);
        } else if let (_, Some(gone)) =
            self.numbers.insert(call.number, call.number, Number::default(), STRANGER, call.at)
        {
            self.forget_number(&gone.value);
        }
    }

    pub(super) fn forget_number(&mut self, gone: &Number) {
        for place in gone.places() {
            if let Some(address) = self.addresses.value_mut(place.address) {
                address.sample.numbers.remove(gone.sessions);
            }
        }
        if let Some(family) = self.families.value_mut(gone.counted_in) {
            family.sample.numbers.remove(gone.sessions);
        }
    }

    pub(super) fn forget_address(&mut self, key: u64, mut gone: Address) {
        let is_in_census = gone.numbers <= MAX_NUMBERS && !gone.is_registered && !gone.is_trunk;
        if is_in_census {
            self.all.remove(gone.sessions);
        }
        let Some(family) = self.families.value_mut(gone.family) else { return };
        family.expel(key, &mut gone);
        if is_in_census {
            family.sample.addresses.remove(gone.sessions);
        }
        if gone.is_suspect {
            family.suspects.retain(|of| *of != key);
        }
        if gone.is_small {
            family.small.retain(|of| *of != key);
        }
        family.good = family.good.saturating_sub(u32::from(gone.is_good));
    }

    /// Clears what the addresses of a family that leaves the table know about its lists. They count as those of a new
    /// family from then on.
    fn forget_family(&mut self, gone: &Family) {
        for key in gone.strangers.iter().chain(&gone.suspects).chain(&gone.small) {
            if let Some(address) = self.addresses.value_mut(*key) {
                address.is_listed = false;
                (address.is_suspect, address.is_small) = (false, false);
            }
        }
    }

    pub(super) fn forget_call(&mut self, call: u64, gone: &Followed) {
        if let Some(address) = self.addresses.value_mut(gone.address)
            && address.calls.front().is_some_and(|first| first.call.key() == call)
        {
            address.calls.pop_front();
        }
    }

    pub(super) fn registered(&mut self, call: &CallStart, key: u64, out: &mut Vec<Change>) {
        self.leave_census(key);
        if let Some(slot) = self.numbers.slot(call.number) {
            self.numbers.touch(slot, LINE, call.at);
            if let Some((_, number)) = self.numbers.get_mut(slot)
                && number.call(call.at, false)
            {
                self.site.session();
            }
        }
        let Some(slot) = self.addresses.slot(key) else { return };
        self.addresses.touch(slot, LINE, call.at);
        let Some((_, address)) = self.addresses.get_mut(slot) else { return };
        let is_first = !address.is_registered || address.numbers == 0;
        let was_stranger = !address.is_registered && address.numbers > 0;
        let number = self.numbers.value_mut(call.number);
        let is_new_number = number.as_ref().is_some_and(|of| of.place(key).is_none());
        if let Some(number) = number {
            match number.place_mut(key) {
                Some(place) => (place.is_bonded, place.last) = (true, call.at),
                None => {
                    number.add_place(Place {
                        address: key,
                        host: call.address,
                        first: call.at,
                        last: call.at,
                        changes: 0,
                        is_bonded: true,
                    });
                }
            }
        }
        address.is_registered = true;
        address.numbers += u32::from(is_new_number);
        let numbers = address.numbers;
        if let Some(family) = self.families.value_mut(call.family) {
            family.phones += u32::from(is_first);
            family.phones_of_many += u32::from(is_new_number && numbers == 4);
        }
        // Calls from before the registration are the line's, too.
        if was_stranger {
            self.bonded(key, call.number, call.at, out);
        }
    }

    /// Takes an address out of the census of its family: it turned out to be registered. A sensor that has just
    /// started has not seen the registrations of the phones that call.
    pub(super) fn leave_census(&mut self, key: u64) {
        self.take_from_strangers(key);
        let Some(address) = self.addresses.value(key) else { return };
        if address.is_registered || address.is_trunk || address.numbers > MAX_NUMBERS || address.sessions == 0
        {
            return;
        }
        self.all.remove(address.sessions);
        let Some(family) = self.families.value_mut(address.family) else { return };
        family.sample.addresses.remove(address.sessions);
        uncount_numbers(&mut self.numbers, address, family);
    }

    pub(super) fn unregistered(&mut self, call: &CallStart, key: u64, out: &mut Vec<Change>) {
        let Some(address_slot) = self.addresses.slot(key) else { return };
        let is_known_here = self.numbers.value(call.number).is_some_and(|of| of.place(key).is_some());
        let Some((_, address)) = self.addresses.get_mut(address_slot) else { return };
        let is_trunk = address.is_trunk;
        let is_counted = !is_trunk && !address.is_registered;
        let is_first = address.sessions == 0;
        let is_other = address.last_number != call.number;
        // A second number is no return of the address: whoever throws addresses away may use two numbers at each.
        let is_change = is_other && (is_known_here || address.numbers > 1);
        let is_session =
            is_first || is_change || address.session_at.is_none_or(|began| call.at.since(began) > SESSION);
        let changes_before = address.changes;
        address.changes += u32::from(is_other && !is_first);
        address.last_number = call.number;
        if is_session {
            address.session_at = Some(call.at);
            address.sessions += 1;
        }
        let (sessions, numbers, was_stranger) = (address.sessions, address.numbers, address.is_stranger());

        // The number: is it new here, does it open a session, is it bonded from now on?
        // A number that is in use at home on another platform is no line elsewhere.
        let number = self.numbers.value(call.number);
        let home = number.and_then(|of| of.home_elsewhere(call.address, call.at));
        let of_home = home.and_then(|home| self.addresses.value(home));
        let is_foreign = of_home.is_some_and(|home| home.family != call.family);
        let Some(number) = self.numbers.value_mut(call.number) else { return };
        let place = number.place(key).copied();
        let is_interleaved = place.is_some_and(|of| changes_before.saturating_sub(of.changes) >= INTERLEAVED);
        // A run of calls at an address of many numbers goes on, however long it lasts.
        let is_run = numbers > 1
            && place.is_some()
            && !is_interleaved
            && number.last_at.is_some_and(|last| call.at.since(last) < SESSION);
        if is_run {
            number.session_at = Some(call.at);
        }
        // A caller on the move shows its number at another address. A run that moves on does so at once.
        let is_moved =
            place.is_none() && number.session_at.is_some_and(|began| call.at.since(began) > MOVES_AFTER);
        number.last_at = Some(call.at);
        let is_number_session = number.call(call.at, is_interleaved || is_moved);
        let is_bond = !is_run
            && !is_foreign
            && place.is_some_and(|of| !of.is_bonded && call.at.since(of.first) >= SESSION);
        let changes = changes_before + u32::from(is_other && !is_first);
        match number.place_mut(key) {
            Some(of) => {
                (of.changes, of.last) = (changes, call.at);
                of.is_bonded |= is_bond;
            }
            None => number.add_place(Place {
                address: key,
                host: call.address,
                first: call.at,
                last: call.at,
                changes,
                is_bonded: false,
            }),
        }
        let number_sessions = number.sessions;
        let counted_in = number.counted_in;
        let at_others: Vec<u64> =
            number.places().iter().map(|of| of.address).filter(|of| *of != key).collect();
        let is_new_number = place.is_none();
        let is_small = numbers + u32::from(is_new_number) <= MAX_NUMBERS;

        // The census of numbers, at each address of the number and in its family.
        if is_number_session {
            for other in at_others {
                if let Some(other) = self.addresses.value_mut(other) {
                    other.sample.numbers.grow(number_sessions);
                }
            }
            if counted_in != 0
                && let Some(family) = self.families.value_mut(counted_in)
            {
                family.sample.numbers.grow(number_sessions);
            }
        }
        if let Some((_, address)) = self.addresses.get_mut(address_slot) {
            if is_new_number {
                address.numbers += 1;
                address.sample.numbers.add(number_sessions);
                if address.first_numbers.len() < MAX_NUMBERS as usize {
                    address.first_numbers.push(call.number);
                }
            } else if is_number_session {
                address.sample.numbers.grow(number_sessions);
            }
        }
        if is_new_number && is_small && counted_in == 0 && is_counted {
            if let Some(family) = self.families.value_mut(call.family) {
                family.sample.numbers.add(number_sessions);
            }
            if let Some(number) = self.numbers.value_mut(call.number) {
                number.counted_in = call.family;
            }
        }

        // The census of addresses.
        if is_counted {
            self.census_of_addresses(key, call.family, sessions, is_session, is_small, is_new_number);
        }
        let in_strangers = is_counted && sessions == 1 && is_small;
        if in_strangers {
            self.add_to_strangers(key);
        } else if was_stranger {
            self.take_from_strangers(key);
        }
        self.record(call, key, home.is_some());
        if is_bond {
            self.bonded(key, call.number, call.at, out);
        }
        // Other numbers at the address of a registered phone are judged, too.
        if !is_trunk {
            self.evaluate(key, call.at, out);
        }
    }

    pub(super) fn census_of_addresses(
        &mut self,
        key: u64,
        family: u64,
        sessions: u32,
        is_session: bool,
        is_small: bool,
        is_new_number: bool,
    ) {
        let Some(of_family) = self.families.value_mut(family) else { return };
        let census = &mut of_family.sample.addresses;
        if is_small {
            match (sessions, is_session) {
                (1, true) => {
                    census.add(1);
                    self.all.add(1);
                }
                (_, true) => {
                    census.grow(sessions);
                    self.all.grow(sessions);
                }
                _ => {}
            }
            return;
        }
        // A gateway leaves the census with its numbers when it shows one number too many.
        let Some(address) = self.addresses.value(key) else { return };
        if !(is_new_number && address.numbers == MAX_NUMBERS + 1) {
            return;
        }
        let before = sessions.saturating_sub(u32::from(is_session));
        census.remove(before);
        self.all.remove(before);
        uncount_numbers(&mut self.numbers, address, of_family);
    }

    /// Keeps the call with its address, and counts its names.
    pub(super) fn record(&mut self, call: &CallStart, key: u64, is_borrowed: bool) {
        let Some(address) = self.addresses.value_mut(key) else { return };
        let is_repeated = address.callees.add(call.callee);
        let recorded = Recorded {
            call: call.call,
            at: call.at,
            number: call.number,
            product: call.product as u32,
            agent: call.agent as u32,
            print: call.print as u32,
            callee: call.callee as u32,
            block: call.block as u32,
            secs: 0,
            fate: Fate::Open,
            is_heard: false,
            recording: None,
            is_repeated_callee: is_repeated,
            is_young: call.access == CallerAccess::RegisteredLately,
            is_abandoned: false,
            is_borrowed,
            told: None,
            is_told_as_notice: false,
        };
        count(&mut address.sample, &recorded);
        if address.calls.len() == MAX_CALLS {
            address.calls.pop_front();
        }
        address.calls.push_back(recorded);
        if let Some(family) = self.families.value_mut(address.family)
            && family.counts(address)
        {
            let is_repeated_callee = family.callees.add(call.callee);
            address.repeated_in_family += u32::from(is_repeated_callee);
            count(&mut family.sample, &Recorded { is_repeated_callee, ..recorded });
        }
    }

    /// Makes an address one of the strangers of its family, and lists it with its next call if it has left the list. The
    /// verdicts of strangers that are not listed change with their own calls only.
    pub(super) fn add_to_strangers(&mut self, key: u64) {
        let Some(address) = self.addresses.value_mut(key).filter(|of| !of.is_listed) else { return };
        let Some(family) = self.families.value_mut(address.family) else { return };
        family.admit(key, address);
        if family.strangers.len() > MAX_LISTED
            && let Some(oldest) = family.strangers.front().copied()
            && let Some(address) = self.addresses.value_mut(oldest)
        {
            family.unlist(oldest, address);
        }
    }

    pub(super) fn take_from_strangers(&mut self, key: u64) {
        let Some(address) = self.addresses.value_mut(key) else { return };
        if let Some(family) = self.families.value_mut(address.family) {
            family.expel(key, address);
        }
    }

    /// A number came back to its address: it is a line there, and its earlier calls were a line's.
    pub(super) fn bonded(&mut self, key: u64, number: u64, at: Timestamp, out: &mut Vec<Change>) {
        let Some(slot) = self.addresses.slot(key) else { return };
        self.addresses.touch(slot, LINE, at);
        let Some((_, address)) = self.addresses.get_mut(slot) else { return };
        address.bonds += 1;
        let blocks: Vec<u32> =
            address.calls.iter().filter(|of| of.number == number).map(|of| of.block).collect();
        blocks.into_iter().for_each(|block| address.owns_block(block));
        let ended: Vec<(CallId, Fate, u16)> = address
            .calls
            .iter()
            .filter(|of| of.number == number)
            .map(|of| (of.call, of.fate, of.secs))
            .collect();
        if let Some(slot) = self.numbers.slot(number) {
            self.numbers.touch(slot, LINE, at);
            if let Some((_, number)) = self.numbers.get_mut(slot)
                && let Some(place) = number.place_mut(key)
            {
                place.is_bonded = true;
            }
        }
        for (call, fate, secs) in ended {
            if fate != Fate::Open {
                self.site.ended(fate != Fate::Unanswered, secs);
            }
            self.tell(call, key, out);
        }
    }
}

/// Takes the numbers of an address out of the census of its family.
fn uncount_numbers(numbers: &mut LruTable<u64, Number, 2>, address: &Address, family: &mut Family) {
    for number in &address.first_numbers {
        if let Some(number) = numbers.value_mut(*number)
            && number.counted_in == address.family
        {
            family.sample.numbers.remove(number.sessions);
            number.counted_in = 0;
        }
    }
}
