using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>Pages that somebody who is no processor has hold of: a pipe, a device, a test of pins.</summary>
/// <param name="Frames">The frames in the order of their addresses.</param>
/// <param name="Flags">How they were taken.</param>
internal sealed record CowHold(uint[] Frames, GupFlags Flags);
