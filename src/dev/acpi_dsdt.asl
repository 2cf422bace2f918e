// SPDX-License-Identifier: MIT
/*
 * What the operating system cannot find out by itself about the PC: the windows of PCI bus 0, where
 * interrupt pins end, and the devices behind the ISA bridge. No PNP0303: without a keyboard
 * controller in sight, firmware and kernels skip looking for a keyboard.
 *
 * acpi.c fits it to the machine at hand: it writes the values of PMIN, PMXB and PMXL (whose
 * encoded width the values here choose), and renames _S3 where there is no suspending.
 */
DefinitionBlock ("", "DSDT", 2, "COALPT", "COALPORT", 1)
{
	/* Kept first and plain: boot loaders look for it with parsers that know little of the language. */
	Name (_S5, Package () { 0, 0, 0, 0 })

	Name (_S3, Package () { 1, 1, 0, 0 })

	Name (PMIN, 0xe0000000) /* first address of the window below 4 GiB */
	Name (PMXB, 0x8000000000) /* first address of the window above */
	Name (PMXL, 0x8000000000) /* its length; 0: there is none */

	Scope (_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A03"))
			Name (_UID, 0)

			Name (LOWR, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0xff, 0, 0x100)
				IO (Decode16, 0xcf8, 0xcf8, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0, 0xcf7, 0, 0xcf8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0xd00, 0xffff, 0, 0xf300)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable,
					ReadWrite, 0, 0xa0000, 0xbffff, 0, 0x20000)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
					ReadWrite, 0, 0xe0000000, 0xfebfffff, 0, 0x1ec00000, , , PW32)
			})
			Name (HIGR, ResourceTemplate ()
			{
				QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable,
					ReadWrite, 0, 0x8000000000, 0xffffffffff, 0, 0x8000000000, , , PW64)
			})
			Method (_CRS, 0, Serialized)
			{
				CreateDWordField (LOWR, ^PW32._MIN, MINL)
				CreateDWordField (LOWR, ^PW32._MAX, MAXL)
				CreateDWordField (LOWR, ^PW32._LEN, LENL)
				MINL = PMIN
				LENL = MAXL - MINL + 1
				If (PMXL == 0)
				{
					Return (LOWR)
				}
				CreateQWordField (HIGR, ^PW64._MIN, MINH)
				CreateQWordField (HIGR, ^PW64._MAX, MAXH)
				CreateQWordField (HIGR, ^PW64._LEN, LENH)
				MINH = PMXB
				MAXH = PMXB + PMXL - 1
				LENH = PMXL
				Return (ConcatenateResTemplate (LOWR, HIGR))
			}

			/* Pin p of device d ends at link (d - 1 + p) mod 4. */
			Method (_PRT, 0, Serialized)
			{
				Local0 = Package (128) {}
				For (Local1 = 0, Local1 < 128, Local1++)
				{
					Local2 = Local1 >> 2
					Local3 = Local1 & 3
					Switch (ToInteger ((Local2 + Local3 + 3) & 3))
					{
						Case (0) { Local4 = Package (4) { 0, 0, LNKA, 0 } }
						Case (1) { Local4 = Package (4) { 0, 0, LNKB, 0 } }
						Case (2) { Local4 = Package (4) { 0, 0, LNKC, 0 } }
						Default { Local4 = Package (4) { 0, 0, LNKD, 0 } }
					}
					Local4[0] = (Local2 << 16) | 0xffff
					Local4[1] = Local3
					Local0[Local1] = Local4
				}
				Return (Local0)
			}

			Device (ISA)
			{
				Name (_ADR, 0x00010000)
				OperationRegion (PIRQ, PCI_Config, 0x60, 4)

				Device (RTC)
				{
					Name (_HID, EisaId ("PNP0B00"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x70, 0x70, 1, 4)
						IRQNoFlags () { 8 }
					})
				}

				Device (FDC0)
				{
					Name (_HID, EisaId ("PNP0700"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x3f2, 0x3f2, 0, 4)
						IO (Decode16, 0x3f7, 0x3f7, 0, 1)
						IRQNoFlags () { 6 }
						DMA (Compatibility, NotBusMaster, Transfer8) { 2 }
					})
				}

				Device (KBD)
				{
					Name (_HID, EisaId ("PNP0303"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x60, 0x60, 1, 1)
						IO (Decode16, 0x64, 0x64, 1, 1)
						IRQNoFlags () { 1 }
					})
				}

				Device (MOU)
				{
					Name (_HID, EisaId ("PNP0F13"))
					Name (_CRS, ResourceTemplate ()
					{
						IRQNoFlags () { 12 }
					})
				}

				/* A bit for each port that is there. */
				Name (COMS, 0x0f)
				Method (CSTA, 1)
				{
					If ((COMS >> Arg0) & 1)
					{
						Return (0x0f)
					}
					Return (0)
				}

				Device (COM1)
				{
					Name (_HID, EisaId ("PNP0501"))
					Name (_UID, 1)
					Method (_STA)
					{
						Return (CSTA (0))
					}
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x3f8, 0x3f8, 8, 8)
						IRQNoFlags () { 4 }
					})
				}

				Device (COM2)
				{
					Name (_HID, EisaId ("PNP0501"))
					Name (_UID, 2)
					Method (_STA)
					{
						Return (CSTA (1))
					}
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x2f8, 0x2f8, 8, 8)
						IRQNoFlags () { 3 }
					})
				}

				Device (COM3)
				{
					Name (_HID, EisaId ("PNP0501"))
					Name (_UID, 3)
					Method (_STA)
					{
						Return (CSTA (2))
					}
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x3e8, 0x3e8, 8, 8)
						IRQNoFlags () { 4 }
					})
				}

				Device (COM4)
				{
					Name (_HID, EisaId ("PNP0501"))
					Name (_UID, 4)
					Method (_STA)
					{
						Return (CSTA (3))
					}
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x2e8, 0x2e8, 8, 8)
						IRQNoFlags () { 3 }
					})
				}
				/* The same for parallel ports. */
				Name (LPTS, 0x0f)
				Method (PSTA, 1)
				{
					If ((LPTS >> Arg0) & 1)
					{
						Return (0x0f)
					}
					Return (0)
				}

				Device (LPT1)
				{
					Name (_HID, EisaId ("PNP0400"))
					Name (_UID, 1)
					Method (_STA)
					{
						Return (PSTA (0))
					}
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x378, 0x378, 8, 3)
						IRQNoFlags () { 7 }
					})
				}

				Device (LPT2)
				{
					Name (_HID, EisaId ("PNP0400"))
					Name (_UID, 2)
					Method (_STA)
					{
						Return (PSTA (1))
					}
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x278, 0x278, 8, 3)
						IRQNoFlags () { 7 }
					})
				}

				Device (LPT3)
				{
					Name (_HID, EisaId ("PNP0400"))
					Name (_UID, 3)
					Method (_STA)
					{
						Return (PSTA (2))
					}
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x3bc, 0x3bc, 4, 3)
						IRQNoFlags () { 7 }
					})
				}
			}

			Device (FWCF)
			{
				Name (_HID, "QEMU0002")
				Name (_STA, 0x0b)
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x510, 0x510, 1, 12)
				})
			}
		}

		Field (\_SB.PCI0.ISA.PIRQ, ByteAcc, NoLock, Preserve)
		{
			PRQA, 8, PRQB, 8, PRQC, 8, PRQD, 8
		}

		Name (PRSL, ResourceTemplate ()
		{
			Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 5, 10, 11 }
		})
		Name (CRSL, ResourceTemplate ()
		{
			Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, , , LIRQ) { 5 }
		})
		/* Bit 7 of a route turns it off. */
		Method (LCRS, 1, Serialized)
		{
			CreateDWordField (CRSL, ^LIRQ._INT, LINT)
			LINT = Arg0 & 0x0f
			If (Arg0 & 0x80)
			{
				LINT = 0
			}
			Return (CRSL)
		}
		Method (LSTA, 1)
		{
			If (Arg0 & 0x80)
			{
				Return (0x09)
			}
			Return (0x0b)
		}
		/* The interrupt stands at byte 5 of the one descriptor. */
		Method (LSRS, 1, Serialized)
		{
			CreateDWordField (Arg0, 5, WANT)
			Return (WANT)
		}

		Device (LNKA)
		{
			Name (_HID, EisaId ("PNP0C0F"))
			Name (_UID, 0)
			Method (_STA) { Return (LSTA (PRQA)) }
			Method (_PRS) { Return (PRSL) }
			Method (_CRS) { Return (LCRS (PRQA)) }
			Method (_SRS, 1) { PRQA = LSRS (Arg0) }
			Method (_DIS) { PRQA |= 0x80 }
		}

		Device (LNKB)
		{
			Name (_HID, EisaId ("PNP0C0F"))
			Name (_UID, 1)
			Method (_STA) { Return (LSTA (PRQB)) }
			Method (_PRS) { Return (PRSL) }
			Method (_CRS) { Return (LCRS (PRQB)) }
			Method (_SRS, 1) { PRQB = LSRS (Arg0) }
			Method (_DIS) { PRQB |= 0x80 }
		}

		Device (LNKC)
		{
			Name (_HID, EisaId ("PNP0C0F"))
			Name (_UID, 2)
			Method (_STA) { Return (LSTA (PRQC)) }
			Method (_PRS) { Return (PRSL) }
			Method (_CRS) { Return (LCRS (PRQC)) }
			Method (_SRS, 1) { PRQC = LSRS (Arg0) }
			Method (_DIS) { PRQC |= 0x80 }
		}

		Device (LNKD)
		{
			Name (_HID, EisaId ("PNP0C0F"))
			Name (_UID, 3)
			Method (_STA) { Return (LSTA (PRQD)) }
			Method (_PRS) { Return (PRSL) }
			Method (_CRS) { Return (LCRS (PRQD)) }
			Method (_SRS, 1) { PRQD = LSRS (Arg0) }
			Method (_DIS) { PRQD |= 0x80 }
		}
	}
}
