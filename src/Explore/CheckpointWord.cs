namespace PageTableEmu.Explore;

/// <summary>What a <see cref="SearchCheckpoint"/> knows of one shared word: who was seen to touch it, and what decisions are based on.</summary>
/// <param name="Offset">Where it lies.</param>
/// <param name="IsBytes">Whether it stands for the contents of a page.</param>
/// <param name="Readers">A bit for each actor that read it.</param>
/// <param name="Writers">A bit for each actor that wrote it.</param>
/// <param name="ReadPoints">A bit for each actor whose reads are decided about.</param>
/// <param name="WritePoints">A bit for each actor whose writes are decided about.</param>
public sealed record CheckpointWord(ulong Offset, bool IsBytes, uint Readers, uint Writers, uint ReadPoints, uint WritePoints);
